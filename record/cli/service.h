/* SPDX-License-Identifier: MIT */
/*
 * service - who is recorded, as whoever records it says: for the recordings of many hosts.
 *
 * On the line:  options, OpenTelemetry's variables -> [service] -> emit (Meta of the recording)
 * Threads:      one.
 * Memory:       a name and a version given by options are argv's; all else is in the struct.
 * Loss:         a variable that is malformed, or for which there is no room, is left out as a
 *               whole, and `why` names it: a recording is never refused for one.
 *
 * Options come first, then the variables of pyrec itself, then those of a process that is attached
 * to. Of the two variables OTEL_SERVICE_NAME comes first, as OpenTelemetry wants it.
 */
#ifndef PYREC_RECORD_SERVICE_H
#define PYREC_RECORD_SERVICE_H

#include "format/status.h"
#include "record/encode/encode_job.h"
#include <stdbool.h>
#include <sys/types.h>

#define SERVICE_LABELS 64
#define SERVICE_TEXT   16384

struct service {
    struct recording_service who; /* its labels are those below */
    struct recording_option labels[SERVICE_LABELS];
    char text[SERVICE_TEXT]; /* what they point into, .. */
    size_t text_len;         /* .. so much of it */
};

/* KEY=VALUE of an option. The last one of a key holds. False: it is none, or one too many. */
bool service_set_label(struct service *service, const char *argument);

/*
 * OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, NULL where they are not set: what nobody has said
 * yet. The latter is key=value,key=value, both percent-encoded. STATUS_DAMAGED with a sentence.
 */
MUST_CHECK enum status service_take_variables(struct service *service, const char *name,
                                              const char *attributes, struct problem *why);

/* The same of the environment that a process was started with; one that cannot be read says
 * nothing. */
MUST_CHECK enum status service_take_process(struct service *service, pid_t pid,
                                            struct problem *why);

#endif
