/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include "analyze/base/memory.h"
#include "analyze/base/plain_file.h"
#include "analyze/base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEADING       "pyanalyze ship 1\n"
#define BYTES_MAX     (64u << 20)
#define LOCK_ATTEMPTS 10

static const char *const words[OUTCOMES] = {"", "sent", "empty", "aside", "dropped"};

/* ---- entries ---- */

static uint64_t hash_of_entry(const void *ledger, uint32_t n)
{
    return hash_text(((const struct ledger *)ledger)->entries[n].part.path);
}

/* A day has 1,440 parts, and each is looked for once a second. */
static struct ledger_entry *entry_find(const struct ledger *ledger, const char *path)
{
    if (ledger->n == 0)
        return NULL;
    for (uint64_t at = hash_text(path);; at++) {
        const uint32_t n = hash_slot(&ledger->of_path, at);
        if (n == HASH_NONE)
            return NULL;
        if (strcmp(ledger->entries[n].part.path, path) == 0)
            return &ledger->entries[n];
    }
}

enum outcome ledger_find(const struct ledger *ledger, const struct part_id *part)
{
    const struct ledger_entry *const entry = entry_find(ledger, part->path);
    return entry != NULL && entry->part.size == part->size &&
                   entry->part.changed_ns == part->changed_ns
               ? entry->outcome
               : OUTCOME_NONE;
}

static void entry_put(struct ledger *ledger, const struct part_id *part, enum outcome outcome)
{
    struct ledger_entry *entry = entry_find(ledger, part->path);
    if (entry == NULL) {
        ledger->entries =
            memory_grow(ledger->entries, &ledger->size, ledger->n + 1, sizeof *ledger->entries);
        entry = &ledger->entries[ledger->n++];
        entry->part.path = strdup(part->path);
        if (entry->part.path == NULL)
            memory_fail();
        hash_add(&ledger->of_path, hash_of_entry, ledger, (uint32_t)ledger->n - 1);
    }
    entry->part.size = part->size;
    entry->part.changed_ns = part->changed_ns;
    entry->outcome = outcome;
}

static void entries_clear(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->n; i++)
        free(ledger->entries[i].part.path);
    free(ledger->entries);
    hash_clear(&ledger->of_path);
    ledger->entries = NULL;
    ledger->n = ledger->size = 0;
}

/* ---- as text ---- */

/* "sent 1234 1764457245000000000 /path/to/it", without the end of the line. */
static bool line_parse(struct ledger *ledger, const char *line, size_t len)
{
    const size_t word_len = strcspn(line, " ");
    enum outcome outcome = OUTCOME_NONE;
    for (size_t i = 1; i < OUTCOMES; i++)
        if (strlen(words[i]) == word_len && memcmp(words[i], line, word_len) == 0)
            outcome = (enum outcome)i;
    if (outcome == OUTCOME_NONE || line[word_len] != ' ')
        return false;
    char *end;
    struct part_id part;
    part.size = strtoull(line + word_len + 1, &end, 10);
    if (*end != ' ' || end == line + word_len + 1)
        return false;
    char *at = end + 1;
    part.changed_ns = strtoll(at, &end, 10);
    if (*end != ' ' || end == at || end + 1 >= line + len)
        return false;
    part.path = strndup(end + 1, (size_t)(line + len - end - 1));
    if (part.path == NULL)
        memory_fail();
    entry_put(ledger, &part, outcome);
    free(part.path);
    return true;
}

bool ledger_parse(struct ledger *ledger, const char *text)
{
    if (strncmp(text, HEADING, strlen(HEADING)) != 0)
        return false;
    for (text += strlen(HEADING); *text != '\0';) {
        const size_t len = strcspn(text, "\n");
        if (text[len] != '\n' || !line_parse(ledger, text, len))
            return false;
        text += len + 1;
    }
    return true;
}

static void text_make(const struct ledger *ledger, struct buffer *text)
{
    buffer_add_text(text, HEADING);
    for (size_t i = 0; i < ledger->n; i++) {
        const struct ledger_entry *const e = &ledger->entries[i];
        buffer_print(text, "%s %" PRIu64 " %" PRId64 " %s\n", words[e->outcome], e->part.size,
                     e->part.changed_ns, e->part.path);
    }
}

/* ---- on the disk ---- */

static enum status fail(const struct ledger *ledger, struct problem *why)
{
    return problem_set(why, status_of_errno(errno), PROBLEM_NO_OFFSET, "%s: %s", ledger->path.text,
                       strerror(errno));
}

/* The entry of the directory, too. */
static bool directory_sync(const char *path)
{
    char *const copy = strdup(path);
    char *const slash = copy != NULL ? strrchr(copy, '/') : NULL;
    if (slash != NULL)
        *slash = '\0';
    const int fd = slash != NULL ? open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const bool is_good = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    if (fd >= 0)
        close(fd);
    free(copy);
    return is_good;
}

static enum status ledger_write(const struct ledger *ledger, struct problem *why)
{
    struct buffer text = {0}, fresh = {0};
    text_make(ledger, &text);
    buffer_print(&fresh, "%s~", ledger->path.text);
    const int fd = open(fresh.text, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    const bool is_written = fd >= 0 && whole_write(fd, text.text, text.len) && fsync(fd) == 0;
    int code = errno;
    if (fd >= 0)
        close(fd);
    const bool is_there = is_written && rename(fresh.text, ledger->path.text) == 0 &&
                          directory_sync(ledger->path.text);
    code = is_written ? errno : code;
    buffer_clear(&text);
    buffer_clear(&fresh);
    errno = code;
    return is_there ? STATUS_OK : fail(ledger, why);
}

enum status ledger_mark(struct ledger *ledger, const struct part_id *part, enum outcome outcome,
                        struct problem *why)
{
    size_t n = 0;
    struct stat st;
    for (size_t i = 0; i < ledger->n; i++) {
        if (lstat(ledger->entries[i].part.path, &st) != 0 && errno == ENOENT)
            free(ledger->entries[i].part.path);
        else
            ledger->entries[n++] = ledger->entries[i];
    }
    ledger->n = n;
    hash_reset(&ledger->of_path);
    for (size_t i = 0; i < n; i++)
        hash_add(&ledger->of_path, hash_of_entry, ledger, (uint32_t)i);
    entry_put(ledger, part, outcome);
    return ledger_write(ledger, why);
}

static enum status ledger_read(struct ledger *ledger, struct problem *why)
{
    struct plain_file file;
    const int fd = open(ledger->path.text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? STATUS_OK : fail(ledger, why);
    const bool is_good =
        plain_file_take(&file, fd, ledger->path.text, BYTES_MAX, "ledger", why) == STATUS_OK &&
        strlen(file.bytes) == file.len && ledger_parse(ledger, file.bytes);
    free(file.bytes);
    if (is_good)
        return STATUS_OK;
    entries_clear(ledger);
    return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                       "%s is not what ship wrote; remove it, and all parts are sent again",
                       ledger->path.text);
}

/* One that was killed right when it began to export has left it to that process until its exec. */
static bool lock_take(int fd)
{
    const struct timespec step = {0, 100000000};
    for (int i = 0; i < LOCK_ATTEMPTS; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        (void)nanosleep(&step, NULL);
    }
    return false;
}

enum status ledger_open(struct ledger *ledger, const char *directory, const char *address,
                        struct problem *why)
{
    struct buffer lock = {0};
    const uint64_t id = hash_text(address);
    ledger->lock = -1;
    buffer_print(&ledger->path, "%s/.pyrec-ship-%016" PRIx64, directory, id);
    buffer_print(&ledger->work, "%s.work", ledger->path.text);
    buffer_print(&lock, "%s.lock", ledger->path.text);
    ledger->lock = open(lock.text, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    ledger->is_open = true;
    buffer_clear(&lock);
    if (ledger->lock < 0)
        return fail(ledger, why);
    if (!lock_take(ledger->lock))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "another pyanalyze ship sends from %s to %s already", directory,
                           address);
    return ledger_read(ledger, why);
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->is_open && ledger->lock >= 0)
        close(ledger->lock);
    entries_clear(ledger);
    buffer_clear(&ledger->path);
    buffer_clear(&ledger->work);
    ledger->is_open = false;
}
