/* SPDX-License-Identifier: MIT */
/*
 * encode_parts - the packets of a chunk, each built by the file that knows its content.
 *
 * On the line:  inside encode; nobody else includes this.
 * Memory:       everything is taken from the bump; NULL when there is no memory.
 */
#ifndef PYREC_RECORD_ENCODE_PARTS_H
#define PYREC_RECORD_ENCODE_PARTS_H

#include "encode_job.h"
#include "format/trace.pb-c.h"
#include "record/tables/bump.h"

/* An empty message of that type, or NULL. */
void *encode_new(struct bump *bump, const ProtobufCMessageDescriptor *type);
void *encode_copy(struct bump *bump, const void *bytes, size_t len);
char *encode_text(struct bump *bump, const char *text);

/* Text from outside, made UTF-8. */
char *encode_clean_text(struct bump *bump, const char *text);

Pyrec__V1__Meta *encode_meta(struct bump *bump, const struct encode_job *job);
Pyrec__V1__Defs *encode_defs(struct bump *bump, const struct stream *stream);

/* Phases and labels: what is new of them. */
void encode_contexts(struct bump *bump, const struct contexts *contexts, Pyrec__V1__Defs *defs);
Pyrec__V1__Samples *encode_samples(struct bump *bump, const struct encode_job *job);
Pyrec__V1__Events *encode_events(struct bump *bump, const struct stream *stream);
Pyrec__V1__Events *encode_missing(struct bump *bump, const struct encode_job *job);
Pyrec__V1__Summary *encode_summary(struct bump *bump, const struct encode_job *job);
Pyrec__V1__Account *encode_account(struct bump *bump, const struct account *account);

/* Native threads, all or only those whose clock moved, put at *list; how many. */
enum encode_natives { ENCODE_ALL_NATIVES, ENCODE_CHANGED_NATIVES };
size_t encode_native_list(struct bump *bump, const struct natives *natives,
                          enum encode_natives which, Pyrec__V1__NativeThread ***list);

#endif
