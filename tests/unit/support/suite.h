/* SPDX-License-Identifier: MIT */
/*
 * suite - the end of every unit test program: run one suite and say how it went.
 */
#ifndef PYREC_TESTS_UNIT_SUITE_H
#define PYREC_TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Check ends a test after 4 s; on a busy machine that may be too little for any of them. This is for what
 * hangs: shorter than ctest's limit, so that it says in which test. */
__attribute__((constructor)) static inline void suite_be_patient(void)
{
    setenv("CK_DEFAULT_TIMEOUT", "240", 0);
}

/* Run and free `suite`; what main returns. */
static inline int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
