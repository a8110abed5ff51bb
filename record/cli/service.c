/* SPDX-License-Identifier: MIT */
#include "service.h"

#include "format/base/percent.h"
#include "record/tables/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_VARIABLE       "OTEL_SERVICE_NAME"
#define ATTRIBUTES_VARIABLE "OTEL_RESOURCE_ATTRIBUTES"
#define NAME_KEY            "service.name"
#define VERSION_KEY         "service.version"
#define BLANKS              " \t\r\n"

/* ---- what is known ---- */

static char *text_keep(struct service *service, const char *text, size_t len)
{
    char *const kept = service->text + service->text_len;
    if (len >= sizeof service->text - service->text_len)
        return NULL;
    memcpy(kept, text, len);
    kept[len] = '\0';
    service->text_len += len + 1;
    return kept;
}

/* Where the value of a key is kept; NULL = of none such. */
static const char **value_of(struct service *service, const char *key)
{
    if (strcmp(key, NAME_KEY) == 0)
        return &service->who.name;
    if (strcmp(key, VERSION_KEY) == 0)
        return &service->who.version;
    for (size_t i = 0; i < service->who.n_labels; i++)
        if (strcmp(service->labels[i].key, key) == 0)
            return &service->labels[i].value;
    return NULL;
}

/* Both are kept already. False: one label too many. */
static bool value_set(struct service *service, const char *key, const char *value)
{
    const char **const known = value_of(service, key);
    if (known != NULL) {
        *known = value;
        return true;
    }
    if (service->who.n_labels == SERVICE_LABELS)
        return false;
    service->labels[service->who.n_labels++] = (struct recording_option){key, value};
    service->who.labels = service->labels;
    return true;
}

bool service_set_label(struct service *service, const char *argument)
{
    const size_t len = strcspn(argument, "=");
    if (len == 0 || argument[len] == '\0')
        return false;
    const char *const key = text_keep(service, argument, len);
    const char *const value =
        key != NULL ? text_keep(service, argument + len + 1, strlen(argument + len + 1)) : NULL;
    return value != NULL && value_set(service, key, value);
}

/* ---- the variables ---- */

/* `len` bytes, without the blanks around them, decoded and kept. What is wrong goes into *wrong. */
static char *text_decode(struct service *service, const char *text, size_t len, const char **wrong)
{
    while (len > 0 && strchr(BLANKS, text[0]) != NULL) {
        text++;
        len--;
    }
    while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
        len--;
    char *const kept = text_keep(service, text, len);
    if (kept == NULL) {
        *wrong = "there is more than is kept, 16 KiB";
        return NULL;
    }
    if (!percent_decode(kept, &len)) {
        *wrong = "a % without two hexadecimal digits";
        return NULL;
    }
    kept[len] = '\0';
    if (!utf8_valid(kept, len)) {
        *wrong = "what is encoded is no UTF-8";
        return NULL;
    }
    return kept;
}

/* One key=value of so many bytes. Returns what is wrong with it; NULL = nothing. */
static const char *member_take(struct service *service, const char *text, size_t len)
{
    const char *wrong = NULL;
    const char *const equals = memchr(text, '=', len);
    if (equals == NULL)
        return "a key without =";
    const char *const key = text_decode(service, text, (size_t)(equals - text), &wrong);
    if (key == NULL)
        return wrong;
    if (key[0] == '\0')
        return "a value without key";
    const char *const value =
        text_decode(service, equals + 1, len - (size_t)(equals - text) - 1, &wrong);
    if (value == NULL)
        return wrong;
    return value_set(service, key, value) ? NULL : "more than 64 labels";
}

static const char *members_take(struct service *service, const char *text)
{
    while (*text != '\0') {
        const size_t len = strcspn(text, ",");
        if (strspn(text, BLANKS) < len) { /* an empty one, as behind a last comma, says nothing */
            const char *const wrong = member_take(service, text, len);
            if (wrong != NULL)
                return wrong;
        }
        text += len + (text[len] == ',');
    }
    return NULL;
}

/* What `more` says and `service` does not. */
static bool service_complete(struct service *service, const struct service *more)
{
    const struct recording_option both[] = {{NAME_KEY, more->who.name},
                                            {VERSION_KEY, more->who.version}};
    for (size_t i = 0; i < ARRAY_LEN(both) + more->who.n_labels; i++) {
        const struct recording_option from =
            i < ARRAY_LEN(both) ? both[i] : more->labels[i - ARRAY_LEN(both)];
        const char **const known = value_of(service, from.key);
        if (from.value == NULL || from.value[0] == '\0' || (known != NULL && *known != NULL))
            continue;
        const char *const key = text_keep(service, from.key, strlen(from.key));
        const char *const value =
            key != NULL ? text_keep(service, from.value, strlen(from.value)) : NULL;
        if (value == NULL || !value_set(service, key, value))
            return false;
    }
    return true;
}

enum status service_take_variables(struct service *service, const char *name,
                                   const char *attributes, struct problem *why)
{
    struct service more = {.text_len = 0};
    const struct service before = *service;
    const char *wrong = attributes != NULL ? members_take(&more, attributes) : NULL;
    if (wrong != NULL)
        more = (struct service){.text_len = 0}; /* all or nothing: half of it says something else */
    const bool is_named = name != NULL && name[0] != '\0';
    if (is_named)
        more.who.name = name;
    if (!service_complete(service, &more)) {
        *service = before;
        wrong = "there is more than is kept, 64 labels and 16 KiB";
    }
    if (wrong == NULL)
        return STATUS_OK;
    return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "%s is left out: %s",
                       ATTRIBUTES_VARIABLE, wrong);
}

enum status service_take_process(struct service *service, pid_t pid, struct problem *why)
{
    char path[64], *line = NULL, *name = NULL, *attributes = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    FILE *const file = fopen(path, "re");
    if (file == NULL)
        return STATUS_OK;
    while (getdelim(&line, &size, '\0', file) > 0) {
        char **const to = strncmp(line, NAME_VARIABLE "=", sizeof NAME_VARIABLE) == 0 ? &name
                          : strncmp(line, ATTRIBUTES_VARIABLE "=", sizeof ATTRIBUTES_VARIABLE) == 0
                              ? &attributes
                              : NULL;
        if (to != NULL && *to == NULL) /* of two the first holds, as for getenv() */
            *to = strdup(strchr(line, '=') + 1);
    }
    fclose(file);
    const enum status status = service_take_variables(service, name, attributes, why);
    free(line);
    free(name);
    free(attributes);
    return status;
}
