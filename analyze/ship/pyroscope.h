/* SPDX-License-Identifier: MIT */
/*
 * pyroscope - what its /ingest must be told beside a profile.
 *
 * On the line:  a part, its pprof -> [pyroscope] -> parcel
 * Threads:      any.
 * Memory:       a URL is the caller's to free.
 *
 * name=SERVICE{LABEL=VALUE,..}, from and until in seconds since 1970, sampleRate in Hz and spyName
 * stand in the URL. The body is multipart: the profile, and for each of its sample types the unit
 * and how it is added up, which Pyroscope knows of Go's types only. There is no format=pprof: with
 * it Pyroscope takes the whole body for a profile, whatever its type.
 */
#ifndef PYREC_ANALYZE_SHIP_PYROSCOPE_H
#define PYREC_ANALYZE_SHIP_PYROSCOPE_H

#include "destination.h"

#define PYROSCOPE_BOUNDARY "pyrec-5f0c9a1274e84b8fa6a1"
#define PYROSCOPE_TYPE     "multipart/form-data; boundary=" PYROSCOPE_BOUNDARY

char *pyroscope_url(const struct destination *to, const char *path);

/* What stands before and behind the bytes of the profile. */
void pyroscope_begin(struct buffer *bytes);
void pyroscope_end(struct buffer *bytes);

#endif
