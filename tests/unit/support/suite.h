/* SPDX-License-Identifier: MIT */
/*
 * suite - the end of every unit test program: run one suite and say how it went.
 */
#ifndef PYREC_TESTS_UNIT_SUITE_H
#define PYREC_TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

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
