/* SPDX-License-Identifier: MIT */
#include "pyroscope.h"

#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"
#include "analyze/model/metric.h"
#include "analyze/read/trace.h"

#include <inttypes.h>
#include <string.h>

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* As label names are there: letters, digits and _, no digit in front. */
static void name_add(struct buffer *to, const char *key)
{
    if (*key >= '0' && *key <= '9')
        buffer_add_text(to, "_");
    for (; *key != '\0'; key++)
        buffer_add(to, is_plain(*key) ? key : "_", 1);
}

/* As a service may be called there; a profile of one with another character is refused. */
static bool service_add(struct buffer *to, const char *service)
{
    bool is_as_it_is = true;
    for (; *service != '\0'; service++) {
        const bool is_good = is_plain(*service) || strchr("-./", *service) != NULL;
        is_as_it_is = is_as_it_is && is_good;
        buffer_add(to, is_good ? service : "_", 1);
    }
    return is_as_it_is;
}

/* What would end a value there becomes _. */
static void value_add(struct buffer *to, const char *value)
{
    for (const char *const end = value + unicode_prefix(value, LABEL_VALUE_MAX); value < end;
         value++)
        buffer_add(to, (unsigned char)*value < ' ' || strchr("{},=\"", *value) ? "_" : value, 1);
}

static void label_add(struct buffer *name, const char *key, const char *value)
{
    if (value[0] == '\0')
        return;
    buffer_add_text(name, name->text[name->len - 1] == '{' ? "" : ",");
    name_add(name, key);
    buffer_add_text(name, "=");
    value_add(name, value);
}

static void name_print(struct buffer *name, const struct recording *r)
{
    const char *const service = r->service.name[0] != '\0' ? r->service.name : "unknown_service";
    const bool is_as_it_is = service_add(name, service);
    buffer_add_text(name, "{");
    if (!is_as_it_is) /* a label may be anything, and this one is what it is called by */
        label_add(name, "service_name", service);
    label_add(name, "service_version", r->service.version);
    label_add(name, "host", r->hostname);
    for (size_t i = 0; i < r->service.n_labels; i++)
        label_add(name, r->service.labels[i].name, r->service.labels[i].value);
    buffer_add_text(name, "}");
}

/* Of all chunks of a part, nanoseconds since the recording's beginning. */
static void range_find(const struct chunk_file *chunks, uint64_t *first_ns, uint64_t *last_ns)
{
    *first_ns = UINT64_MAX;
    *last_ns = 0;
    for (size_t i = 0; i < chunk_file_count(chunks); i++) {
        const struct chunk_header *const header = &chunk_file_get(chunks, i)->header;
        if (!(header->flags & CHUNK_SAMPLES))
            continue;
        *first_ns = header->t_first_ns < *first_ns ? header->t_first_ns : *first_ns;
        *last_ns = header->t_last_ns > *last_ns ? header->t_last_ns : *last_ns;
    }
    if (*first_ns > *last_ns)
        *first_ns = *last_ns;
}

/* What is wrong with the file is said by the one that exports it. */
static void damage_ignore(void *closure, const char *path, const struct damage *damage)
{
    (void)closure, (void)path, (void)damage;
}

char *pyroscope_url(const struct destination *to, const char *path)
{
    struct trace *trace;
    struct problem why;
    struct buffer url = {0}, name = {0};
    uint64_t first_ns = 0, last_ns = 0, rate = 100;
    int64_t start_ns = 0;
    const bool is_open = trace_open(&trace, &path, 1, damage_ignore, NULL, &why) == STATUS_OK;
    if (is_open && trace->census.n_recordings > 0) {
        const struct recording *const r = trace->census.recordings[0];
        name_print(&name, r);
        range_find(trace->files[0].chunks, &first_ns, &last_ns);
        start_ns = r->start_unix_ns;
        rate = r->interval_ns > 0 ? (1000000000 + r->interval_ns / 2) / r->interval_ns : rate;
    } else {
        buffer_add_text(&name, "unknown_service{}");
    }
    buffer_print(&url, "%s?name=", to->address.text);
    url_add_encoded(&url, name.text);
    const int64_t from_s = (start_ns + (int64_t)first_ns) / 1000000000;
    const int64_t until_s = (start_ns + (int64_t)last_ns + 999999999) / 1000000000;
    buffer_print(&url, "&from=%" PRId64 "&until=%" PRId64 "&sampleRate=%" PRIu64 "&spyName=pyrec",
                 from_s, until_s > from_s ? until_s : from_s + 1, rate > 0 ? rate : 1);
    if (is_open)
        trace_close(trace);
    buffer_clear(&name);
    char *const text = strdup(url.text);
    buffer_clear(&url);
    if (text == NULL)
        memory_fail();
    return text;
}

void pyroscope_begin(struct buffer *bytes)
{
    buffer_add_text(bytes, "--" PYROSCOPE_BOUNDARY "\r\n"
                           "Content-Disposition: form-data; name=\"sample_type_config\"; "
                           "filename=\"sample_type_config.json\"\r\n"
                           "Content-Type: application/json\r\n\r\n{");
    for (size_t i = 0; i < METRIC_COUNT; i++)
        buffer_print(bytes,
                     "%s\"%s\":{\"units\":\"%s\",\"aggregation\":\"sum\",\"display-name\":\"%s\","
                     "\"sampled\":false}",
                     i > 0 ? "," : "", metrics[i].by,
                     metrics[i].unit == UNIT_SECONDS ? "nanoseconds" : "count", metrics[i].by);
    buffer_add_text(bytes, "}\r\n--" PYROSCOPE_BOUNDARY "\r\n"
                           "Content-Disposition: form-data; name=\"profile\"; "
                           "filename=\"profile.pprof\"\r\n"
                           "Content-Type: application/octet-stream\r\n\r\n");
}

void pyroscope_end(struct buffer *bytes)
{
    buffer_add_text(bytes, "\r\n--" PYROSCOPE_BOUNDARY "--\r\n");
}
