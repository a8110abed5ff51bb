/* SPDX-License-Identifier: MIT */
#include "missing.h"

#include "record/tables/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHERS     "other reasons"
#define NAME_LEN   ((int)sizeof((struct missing_row *)0)->name - 1)
#define REASON_LEN ((int)sizeof((struct missing_row *)0)->reason - 1)

void missing_init(struct missing *missing)
{
    *missing = (struct missing){.n_rows = 0};
}

void missing_clear(struct missing *missing)
{
    free(missing->seen);
    missing->seen = NULL;
    missing->n_seen = missing->seen_capacity = 0;
}

void missing_copy(struct missing *to, const struct missing *from)
{
    *to = *from;
    to->seen = NULL;
    to->n_seen = to->seen_capacity = 0;
    if (vec_room(&to->seen, &to->seen_capacity, from->n_seen, sizeof *to->seen)) {
        to->n_seen = from->n_seen;
        for (uint32_t i = 0; i < from->n_seen; i++)
            to->seen[i] = from->seen[i];
    }
}

bool missing_is_same(const struct missing *a, const struct missing *b)
{
    return a->n_rows == b->n_rows && memcmp(a->rows, b->rows, a->n_rows * sizeof *a->rows) == 0;
}

bool missing_knows(const struct missing *missing, struct missing_who who)
{
    for (uint32_t i = 0; i < missing->n_seen && who.inner_pid != 0; i++)
        if (missing->seen[i].inner_pid == who.inner_pid && missing->seen[i].start == who.start)
            return true;
    return false;
}

static struct missing_row *row_find(struct missing *missing, enum missing_kind kind,
                                    const char *reason)
{
    for (uint32_t i = 0; i < missing->n_rows; i++)
        if (missing->rows[i].kind == kind &&
            strncmp(missing->rows[i].reason, reason, REASON_LEN) == 0)
            return &missing->rows[i];
    return NULL;
}

/* The last rows are for what does not fit: one of each kind. */
static struct missing_row *row_get(struct missing *missing, enum missing_kind kind,
                                   const char *reason)
{
    struct missing_row *row = row_find(missing, kind, reason);
    if (row == NULL && missing->n_rows >= MISSING_ROWS - MISSING_KINDS) {
        reason = OTHERS;
        row = row_find(missing, kind, reason);
    }
    if (row != NULL)
        return row;
    row = &missing->rows[missing->n_rows++];
    *row = (struct missing_row){.kind = kind};
    snprintf(row->reason, sizeof row->reason, "%.*s", REASON_LEN, reason);
    return row;
}

void missing_add(struct missing *missing, enum missing_kind kind, struct missing_who who,
                 const char *reason, const char *name)
{
    if (missing_knows(missing, who))
        return;
    if (who.inner_pid != 0 && vec_room(&missing->seen, &missing->seen_capacity,
                                       missing->n_seen + 1ull, sizeof *missing->seen))
        missing->seen[missing->n_seen++] = who;
    struct missing_row *row = row_get(missing, kind, reason);
    if (row->n++ == 0)
        snprintf(row->name, sizeof row->name, "%.*s", NAME_LEN, name);
    missing->n[kind]++;
}

/* ---- notices ---- */

static const char *reason_text(uint32_t reason)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
        WIRE_MISSING_LIST(TEXT)
#undef TEXT
    };
    return texts[reason];
}

/* Takes the same time wherever they differ. */
static bool is_equal(const char *a, const char *b, size_t len)
{
    unsigned char differ = 0;
    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)(a[i] ^ b[i]);
    return differ == 0;
}

static void notice_take(struct missing *missing, const struct wire_notice *notice)
{
    char reason[160], name[sizeof notice->name + 1];
    memcpy(name, notice->name, sizeof notice->name);
    name[sizeof notice->name] = '\0';
    const char *text = reason_text(notice->reason);
    if (notice->error != 0)
        snprintf(reason, sizeof reason, "%s: %s", text, strerror(notice->error));
    else
        snprintf(reason, sizeof reason, "%s", text);
    const struct missing_who who = {notice->is_python != 0 ? notice->pid : 0, notice->os_start};
    missing_add(missing, notice->is_python != 0 ? MISSING_PYTHON : MISSING_PROGRAM, who, reason,
                name);
}

static bool is_notice(const struct wire_notice *notice, const char *cookie)
{
    return memcmp(notice->magic, WIRE_MAGIC, sizeof notice->magic) == 0 &&
           is_equal(notice->cookie, cookie, sizeof notice->cookie) &&
           notice->version == WIRE_VERSION && notice->reason != 0 &&
           notice->reason < WIRE_MISSING_COUNT;
}

/* Where the next notice may begin behind `at`: at its magic, or where too little is there to tell.
 */
static size_t notice_find(const char *bytes, size_t at, size_t n)
{
    while (at < n && memcmp(bytes + at, WIRE_MAGIC, n - at < 8 ? n - at : 8) != 0)
        at++;
    return at;
}

/* A stranger may write what it likes before and behind a notice, but not into it: it is atomic. */
void missing_take_notices(struct missing *missing, int board, const char *cookie)
{
    char bytes[32 * sizeof(struct wire_notice)];
    size_t n = missing->n_tail;
    memcpy(bytes, missing->tail, n);
    for (ssize_t more; (more = read(board, bytes + n, sizeof bytes - n)) > 0;) {
        size_t at = 0;
        n += (size_t)more;
        for (struct wire_notice notice; n - at >= sizeof notice;) {
            memcpy(&notice, bytes + at, sizeof notice);
            if (is_notice(&notice, cookie)) {
                notice_take(missing, &notice);
                at += sizeof notice;
            } else {
                missing->n_strangers++;
                at = notice_find(bytes, at + 1, n);
            }
        }
        n -= at;
        memmove(bytes, bytes + at, n);
    }
    missing->n_tail = n;
    memcpy(missing->tail, bytes, n);
}

/* ---- words ---- */

static void text_add(char *text, size_t size, const char *more)
{
    const size_t len = strlen(text);
    snprintf(text + len, size - len, "%s", more);
}

void missing_write(const struct missing *missing, char *text, size_t size)
{
    static const char *const what[MISSING_KINDS][2] = {
        {"Python process not recorded", "Python processes not recorded"},
        {"program not recorded, not known whether Python",
         "programs not recorded, not known whether Python"}};
    char part[256];
    text[0] = '\0';
    for (int kind = 0; kind < MISSING_KINDS; kind++) {
        const char *separator = ": ";
        if (missing->n[kind] == 0)
            continue;
        snprintf(part, sizeof part, "%s%u %s", text[0] != '\0' ? "; " : "", missing->n[kind],
                 what[kind][missing->n[kind] != 1]);
        text_add(text, size, part);
        for (uint32_t i = 0; i < missing->n_rows; i++) {
            const struct missing_row *row = &missing->rows[i];
            if (row->kind != (enum missing_kind)kind)
                continue;
            snprintf(part, sizeof part, "%s%s (%u)", separator, row->reason, row->n);
            text_add(text, size, part);
            separator = ", ";
        }
    }
}
