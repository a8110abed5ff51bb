/* SPDX-License-Identifier: MIT */
#include "debug_find.h"

#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"
#include "debug_fetch.h"
#include "dwarf_read.h"
#include "format/base/bisect.h"
#include "format/chunk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What was tried so far. */
struct search {
    const struct wish_object *wish;
    const struct debug_places *places;
    struct dwarf_file file; /* the best so far */
    struct buffer path;     /* its; empty = there is none */
    char link[256];         /* the name that the object says its debug file has */
    uint64_t first_address; /* of the object; 0 = not known */
    bool object_known, object_is_another, object_is_missing;
    size_t n_others; /* files at the right place with another build-id */
    struct buffer trying;
    struct buffer fetched; /* why a server did not have it */
};

static int open_file(const char *path)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Has the search come to its end? Debug information is the best there is; symbols are better than
 * nothing. Descriptors of files that are kept are the process's. */
static bool take_candidate(struct search *s, const char *path)
{
    struct dwarf_file file;
    const int fd = open_file(path);
    if (fd < 0)
        return false;
    const enum dwarf_open opened = dwarf_file_open(&file, fd, s->wish->build_id);
    if (opened != DWARF_OPEN_GOOD) {
        s->n_others += opened == DWARF_OPEN_ANOTHER;
        close(fd);
        return false;
    }
    const bool is_better = file.dwarf != NULL || (file.has_symbols && s->path.len == 0);
    if (!is_better) {
        dwarf_file_close(&file);
        close(fd);
        return false;
    }
    if (s->path.len > 0)
        dwarf_file_close(&s->file);
    s->file = file;
    buffer_reset(&s->path);
    buffer_add_text(&s->path, path);
    return file.dwarf != NULL;
}

/* Up to three pieces of a path, one behind the other. */
static bool try_path(struct search *s, const char *a, const char *b, const char *c)
{
    buffer_reset(&s->trying);
    buffer_print(&s->trying, "%s%s%s", a, b, c);
    return take_candidate(s, s->trying.text);
}

/* Where a folder has the debug file of that build-id; good until the next file is tried. */
static const char *by_build_id(struct search *s, const char *folder, const char *id)
{
    buffer_reset(&s->trying);
    buffer_print(&s->trying, "%s/.build-id/%.2s/%s.debug", folder, id, id + 2);
    return s->trying.text;
}

static bool try_folder(struct search *s, const char *folder)
{
    const char *const path = s->wish->path, *const slash = strrchr(path, '/');
    if (take_candidate(s, by_build_id(s, folder, s->wish->build_id)))
        return true;
    if (slash == NULL)
        return false;
    if (try_path(s, folder, path, ".debug") || try_path(s, folder, slash, ".debug"))
        return true;
    if (s->link[0] == '\0')
        return false;
    buffer_reset(&s->trying);
    buffer_print(&s->trying, "%s%.*s/%s", folder, (int)(slash - path), path, s->link);
    return take_candidate(s, s->trying.text) || try_path(s, folder, "/", s->link);
}

static bool try_beside(struct search *s)
{
    const char *const path = s->wish->path, *const slash = strrchr(path, '/');
    const int len = slash != NULL ? (int)(slash - path) : 0;
    if (s->link[0] == '\0' || slash == NULL)
        return false;
    for (int hidden = 0; hidden < 2; hidden++) {
        buffer_reset(&s->trying);
        buffer_print(&s->trying, "%.*s/%s%s", len, path, hidden ? ".debug/" : "", s->link);
        if (take_candidate(s, s->trying.text))
            return true;
    }
    return false;
}

static void look_at_object(struct search *s)
{
    struct dwarf_file file;
    const int fd = open_file(s->wish->path);
    s->object_is_missing = fd < 0;
    if (fd < 0)
        return;
    const enum dwarf_open opened = dwarf_file_open(&file, fd, s->wish->build_id);
    s->object_is_another = opened != DWARF_OPEN_GOOD;
    if (opened == DWARF_OPEN_GOOD) {
        s->object_known = true;
        s->first_address = file.first_address;
        memcpy(s->link, file.link, sizeof s->link);
        dwarf_file_close(&file);
    }
    close(fd);
}

static bool try_servers(struct search *s)
{
    if (s->places->servers == NULL)
        return false;
    if (!debug_fetch(s->places->servers, s->wish->build_id, &s->fetched))
        return false;
    const bool good = take_candidate(s, s->fetched.text);
    buffer_reset(&s->fetched);
    if (!good)
        buffer_add_text(&s->fetched, "what the server sent has no debug information of this build");
    return good;
}

static bool search(struct search *s)
{
    bool done = false;
    look_at_object(s);
    for (size_t i = 0; i < s->places->n_folders && !done; i++)
        done = try_folder(s, s->places->folders[i]);
    done = done || try_folder(s, DEBUG_FOLDER) || try_beside(s) ||
           take_candidate(s, s->wish->path) || try_servers(s);
    return s->path.len > 0;
}

/* Parts that several debug files have in common. */
static void find_shared(struct search *s)
{
    char id[2 * DEBUG_ID_MAX + 1];
    dwarf_file_shared(&s->file, id);
    for (size_t i = 0; i <= s->places->n_folders && id[0] != '\0'; i++) {
        const char *const folder = i < s->places->n_folders ? s->places->folders[i] : DEBUG_FOLDER;
        struct dwarf_file shared;
        const int fd = open_file(by_build_id(s, folder, id));
        if (fd < 0)
            continue;
        if (dwarf_file_open(&shared, fd, id) == DWARF_OPEN_GOOD) {
            dwarf_file_close(&shared);
            dwarf_file_share(&s->file, fd);
            return;
        }
        close(fd);
    }
}

static void say_nothing(const struct search *s, struct buffer *text)
{
    if (s->object_is_another)
        buffer_add_text(text,
                        "the file there now is another build, and no debug file has this one's "
                        "build-id");
    else if (s->n_others > 0)
        buffer_add_text(text, "the debug file is of another build");
    else if (s->object_is_missing)
        buffer_add_text(text, "neither the file nor a debug file is there");
    else
        buffer_add_text(text, "no debug file");
    if (s->fetched.len > 0)
        buffer_print(text, "; %s", s->fetched.text);
}

/* ---- the message ---- */

struct encoding {
    Pyrec__V1__Symbols message;
    char **strings;
    size_t strings_size;
    struct arena arena;
    const struct wish_object *wish;
    const struct dwarf_result *result;
    struct debug_found *found;
};

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void collect(struct encoding *e, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    e->strings = memory_grow(e->strings, &e->strings_size, e->message.n_string + 1, sizeof(char *));
    e->strings[e->message.n_string++] = (char *)(uintptr_t)text;
}

/* Each once; in the message as UTF-8, which texts from a file need not be. */
static void settle_strings(struct encoding *e)
{
    size_t n = 0;
    if (e->message.n_string > 1)
        qsort(e->strings, e->message.n_string, sizeof *e->strings, compare_texts);
    for (size_t i = 0; i < e->message.n_string; i++)
        if (n == 0 || strcmp(e->strings[n - 1], e->strings[i]) != 0)
            e->strings[n++] = e->strings[i];
    e->message.n_string = n;
    e->message.string = arena_get(&e->arena, (n + 1) * sizeof(char *));
    for (size_t i = 0; i < n; i++) {
        const char *const cut =
            arena_copy(&e->arena, e->strings[i], strnlen(e->strings[i], LIMIT_STRING));
        e->message.string[i] = (char *)(uintptr_t)unicode_clean(&e->arena, cut);
    }
}

static uint32_t number_of(const struct encoding *e, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return 0;
    char *const *const at =
        bsearch(&text, e->strings, e->message.n_string, sizeof *e->strings, compare_texts);
    return at != NULL ? (uint32_t)(at - e->strings) + 1 : 0;
}

static bool is_function_before(const void *functions, size_t i, const void *address)
{
    return ((const struct wish_function *)functions)[i].address < *(const uint64_t *)address;
}

/* The function that a place is in must be the one that its line is of. */
static bool fits(const struct encoding *e, size_t i)
{
    const uint64_t address = e->wish->places[i].function;
    const size_t at =
        bisect(e->wish->functions, e->wish->n_functions, is_function_before, &address);
    return e->result->places[i].n > 0 && at < e->wish->n_functions &&
           e->wish->functions[at].address == address &&
           e->result->functions[at].entry == e->result->places[i].entry;
}

static void encode_functions(struct encoding *e)
{
    Pyrec__V1__Symbols *const m = &e->message;
    const size_t n = e->wish->n_functions;
    uint64_t last = 0;
    m->function_address = arena_get(&e->arena, (n + 1) * sizeof(uint64_t));
    m->function_name = arena_get(&e->arena, (n + 1) * sizeof(uint32_t));
    m->function_file = arena_get(&e->arena, (n + 1) * sizeof(uint32_t));
    m->function_line = arena_get(&e->arena, (n + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < n; i++) {
        const struct dwarf_function *const f = &e->result->functions[i];
        if (f->name == NULL && f->file == NULL)
            continue;
        e->found->n_named += f->name != NULL && e->wish->functions[i].is_nameless;
        const size_t at = m->n_function_address++;
        m->function_address[at] = e->wish->functions[i].address - last;
        last = e->wish->functions[i].address;
        m->function_name[at] = number_of(e, f->name);
        m->function_file[at] = number_of(e, f->file);
        m->function_line[at] = f->file != NULL ? f->line : 0;
    }
    m->n_function_name = m->n_function_file = m->n_function_line = m->n_function_address;
}

static void encode_frames(struct encoding *e, const struct dwarf_place *place)
{
    Pyrec__V1__Symbols *const m = &e->message;
    for (size_t k = 0; k < place->n; k++) {
        const struct debug_frame *const frame = &place->frames[k];
        const size_t at = m->n_frame_name++;
        m->frame_name[at] = k > 0 ? number_of(e, frame->name) : 0;
        m->frame_file[at] = k > 0 ? number_of(e, frame->file) : 0;
        m->frame_function_line[at] = k > 0 ? frame->function_line : 0;
        m->frame_line[at] = frame->line;
    }
}

static void encode_places(struct encoding *e)
{
    Pyrec__V1__Symbols *const m = &e->message;
    size_t n_frames = 0;
    uint64_t last = 0;
    for (size_t i = 0; i < e->wish->n_places; i++)
        n_frames += e->result->places[i].n;
    m->place_address = arena_get(&e->arena, (e->wish->n_places + 1) * sizeof(uint64_t));
    m->place_frames = arena_get(&e->arena, (e->wish->n_places + 1) * sizeof(uint32_t));
    m->frame_name = arena_get(&e->arena, (n_frames + 1) * sizeof(uint32_t));
    m->frame_file = arena_get(&e->arena, (n_frames + 1) * sizeof(uint32_t));
    m->frame_function_line = arena_get(&e->arena, (n_frames + 1) * sizeof(uint32_t));
    m->frame_line = arena_get(&e->arena, (n_frames + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < e->wish->n_places; i++) {
        const struct dwarf_place *const place = &e->result->places[i];
        if (!fits(e, i) || (place->n == 1 && place->frames[0].line == 0))
            continue;
        e->found->n_lines++;
        e->found->n_inlined += place->n > 1;
        const size_t at = m->n_place_address++;
        m->place_address[at] = e->wish->places[i].address - last;
        last = e->wish->places[i].address;
        m->place_frames[at] = (uint32_t)place->n;
        encode_frames(e, place);
    }
    m->n_place_frames = m->n_place_address;
    m->n_frame_file = m->n_frame_function_line = m->n_frame_line = m->n_frame_name;
}

static void encode(struct encoding *e, const char *source)
{
    Pyrec__V1__Symbols *const m = &e->message;
    const size_t n_id = strlen(e->wish->build_id) / 2;
    uint8_t id[DEBUG_ID_MAX];
    for (size_t i = 0; i < e->wish->n_functions; i++) {
        collect(e, e->result->functions[i].name);
        collect(e, e->result->functions[i].file);
    }
    for (size_t i = 0; i < e->wish->n_places; i++)
        for (size_t k = 1; k < e->result->places[i].n; k++) {
            collect(e, e->result->places[i].frames[k].name);
            collect(e, e->result->places[i].frames[k].file);
        }
    settle_strings(e);
    for (size_t i = 0; i < n_id; i++) {
        const char digits[3] = {e->wish->build_id[2 * i], e->wish->build_id[2 * i + 1], '\0'};
        id[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    m->build_id = (ProtobufCBinaryData){n_id, id};
    m->source = (char *)(uintptr_t)source;
    encode_functions(e);
    encode_places(e);
    const size_t len = pyrec__v1__symbols__get_packed_size(m);
    uint8_t *const bytes = memory_get(len + 1);
    pyrec__v1__symbols__pack(m, bytes);
    buffer_add(&e->found->symbols, (const char *)bytes, len);
}

bool debug_find(const struct wish_object *wish, const struct debug_places *places,
                struct buffer *text, struct debug_found *found)
{
    struct search s = {.wish = wish, .places = places};
    struct dwarf_result result;
    if (!search(&s)) {
        say_nothing(&s, text);
        return false;
    }
    find_shared(&s);
    buffer_add_text(text, s.path.text);
    const uint64_t shift = s.object_known ? s.file.first_address - s.first_address : 0;
    dwarf_read(&s.file, wish, shift, &result);
    struct encoding e = {
        .message = PYREC__V1__SYMBOLS__INIT, .wish = wish, .result = &result, .found = found};
    encode(&e, s.path.text);
    return true; /* in a process that ends now: what is left is its */
}
