/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what ship reads: the first says what, and the rest is that. A server's answer and
 * its Retry-After, the ledger, a file and a variable of headers, a destination.
 */
#include "analyze/ship/destination.h"
#include "analyze/ship/headers.h"
#include "analyze/ship/ledger.h"
#include "analyze/ship/retry.h"
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void problem_check(enum status status, const struct problem *why)
{
    ALWAYS(status == STATUS_OK || status == STATUS_USAGE);
    ALWAYS(status == STATUS_OK || why->detail[0] != '\0');
}

static void answer_check(const char *text, size_t len)
{
    struct buffer words = {0};
    uint64_t rejected = 0;
    if (!partial_success(text, len, &rejected, &words))
        ALWAYS(len > 0);
    ALWAYS(words.len <= len);
    buffer_clear(&words);
}

static void wait_check(const char *text)
{
    const uint64_t asked_ns = retry_after_ns(text, 1764457245);
    ALWAYS(asked_ns <= RETRY_ASKED_MAX_NS);
    ALWAYS(retry_wait_ns(1000000000, 3, hash_text(text), asked_ns) >= asked_ns);
}

/* What was taken is found again, as the last line says that is about it. */
static void ledger_check(const char *text)
{
    struct ledger ledger = {0};
    if (ledger_parse(&ledger, text)) {
        for (size_t i = 0; i < ledger.n; i++) {
            const struct ledger_entry *const entry = &ledger.entries[i];
            ALWAYS(entry->outcome != OUTCOME_NONE && entry->outcome < OUTCOMES);
            ALWAYS(entry->part.path[0] != '\0' && strchr(entry->part.path, '\n') == NULL);
            ALWAYS(ledger_find(&ledger, &entry->part) == entry->outcome);
        }
    }
    ledger_close(&ledger);
}

static void lines_check(struct headers *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        ALWAYS(strstr(headers->lines[i], ": ") != NULL);
        for (const char *c = headers->lines[i]; *c != '\0'; c++)
            ALWAYS(*c >= ' ' && *c < 0x7f);
    }
    headers_clear(headers);
}

static void headers_check(const char *text, size_t len)
{
    struct headers headers = {0};
    struct problem why = {0};
    char path[64];
    problem_check(headers_take_variable(&headers, "VARIABLE", text, &why), &why);
    lines_check(&headers);
    const int fd = memfd_create("headers", MFD_CLOEXEC);
    ALWAYS(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, text, len) == (ssize_t)len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    problem_check(headers_take_file(&headers, path, &why), &why);
    lines_check(&headers);
    close(fd);
}

static void destination_check(const char *text)
{
    for (size_t i = 0; i <= SHIP_FORMATS; i++) {
        struct destination to = {.is_near = false};
        struct problem why = {0};
        const enum status status = destination_take(&to, text, ship_format_name(i), &why);
        problem_check(status, &why);
        if (status == STATUS_OK && !to.is_directory)
            ALWAYS(strncmp(to.address.text, "http", 4) == 0 &&
                   strpbrk(to.address.text, " @?#\n") == NULL);
        destination_clear(&to);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *const text = malloc(size);
    ALWAYS(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0]) {
    case 'a':
        answer_check((const char *)data + 1, size - 1);
        break;
    case 'w':
        wait_check(text);
        break;
    case 'l':
        ledger_check(text);
        break;
    case 'h':
        headers_check(text, size - 1);
        break;
    case 'd':
        destination_check(text);
        break;
    default:
        break;
    }
    free(text);
    return 0;
}
