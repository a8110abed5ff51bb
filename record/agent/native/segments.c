/* SPDX-License-Identifier: MIT */
#include "segments.h"
#include "record/agent/base/peek.h"
#include "record/agent/base/reserve.h"
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define WORDS       (sizeof(struct segment) / sizeof(uint64_t))
#define TEXT_SIZE   (16u << 10) /* a line is a path and less than 100 bytes more */
#define HEADERS_MAX 64u

/* ---- reading it, in handlers ---- */

static uint64_t word_get(const struct segment_list *list, uint32_t i, size_t member)
{
    return atomic_load_explicit(&list->list[i].word[member / sizeof(uint64_t)],
                                memory_order_relaxed);
}

static const struct segment_list *list_current(const struct segments *segments)
{
    return &segments->lists[atomic_load_explicit(&segments->current, memory_order_acquire)];
}

static bool list_find(const struct segment_list *list, uint64_t pc, struct segment *segment)
{
    uint32_t low = 0, high = atomic_load_explicit(&list->n, memory_order_relaxed);
    uint64_t words[WORDS];
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (word_get(list, middle, offsetof(struct segment, start)) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    for (size_t i = 0; i < WORDS; i++)
        words[i] = word_get(list, low - 1, i * sizeof(uint64_t));
    memcpy(segment, words, sizeof(*segment));
    return pc < segment->end;
}

uint64_t segments_epoch(const struct segments *segments)
{
    const uint64_t told = segments->unmapped != NULL
                              ? atomic_load_explicit(segments->unmapped, memory_order_acquire)
                              : 0;
    return told + atomic_load_explicit(&segments->epoch, memory_order_acquire);
}

bool segments_find(const struct segments *segments, uint64_t pc, struct segment *segment)
{
    if (atomic_load_explicit(&segments->known, memory_order_acquire) != segments_epoch(segments))
        return false;
    const struct segment_list *const list = list_current(segments);
    const uint64_t turn = atomic_load_explicit(&list->turn, memory_order_acquire);
    const bool found = (turn & 1) == 0 && list_find(list, pc, segment);
    /* a thread that had no CPU meanwhile may have read what two readings later is written */
    atomic_thread_fence(memory_order_acquire);
    return found && atomic_load_explicit(&list->turn, memory_order_relaxed) == turn;
}

void segments_miss(struct segments *segments)
{
    atomic_store_explicit(&segments->is_wanted, true, memory_order_relaxed);
}

void segments_unmapped(struct segments *segments)
{
    atomic_fetch_add_explicit(&segments->epoch, 1, memory_order_acq_rel);
}

/* ---- one file's headers ---- */

/* A file in the list: its mappings follow one another. */
struct file {
    uint64_t device, inode;
    uint64_t low, high;
    uint64_t head;  /* where its beginning is mapped; 0 = nowhere */
    uint32_t first; /* of its segments */
};

struct mapping {
    uint64_t start, end, offset, device, inode;
    bool is_code, is_vdso;
};

static bool headers_find(uint64_t head, Elf64_Ehdr *elf)
{
    return head != 0 && peek_bytes(elf, head, sizeof(*elf)) &&
           memcmp(elf->e_ident, ELFMAG, SELFMAG) == 0 && elf->e_ident[EI_CLASS] == ELFCLASS64 &&
           elf->e_phentsize == sizeof(Elf64_Phdr) && elf->e_phnum <= HEADERS_MAX;
}

/* Where this mapping's code counts from, and its unwind information. */
static void segment_describe(struct segment *segment, const struct mapping *mapping, uint64_t head)
{
    Elf64_Ehdr elf;
    Elf64_Phdr header;
    uint64_t hdr = 0;
    bool has_hdr = false, has_bias = false;
    if (!headers_find(head, &elf))
        return;
    for (unsigned i = 0; i < elf.e_phnum; i++) {
        if (!peek_bytes(&header, head + elf.e_phoff + i * sizeof(header), sizeof(header)))
            return;
        if (header.p_type == PT_GNU_EH_FRAME) {
            hdr = header.p_vaddr;
            has_hdr = true;
        } else if (header.p_type == PT_LOAD && !has_bias &&
                   mapping->offset + (mapping->end - mapping->start) > header.p_offset &&
                   mapping->offset < header.p_offset + header.p_filesz) {
            segment->bias = mapping->start - (header.p_vaddr + (mapping->offset - header.p_offset));
            has_bias = (header.p_flags & PF_X) != 0;
        }
    }
    if (has_hdr && has_bias)
        segment->hdr = segment->bias + hdr;
}

/* ---- the list as a text ---- */

static bool take_number(const char **at, unsigned base, char end, uint64_t *number)
{
    const char *p = *at;
    *number = 0;
    for (;; p++) {
        const unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
                               : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
                                                        : base;
        if (digit >= base)
            break;
        *number = *number * base + digit;
    }
    if (p == *at || *p != end)
        return false;
    *at = p + 1;
    return true;
}

/* "7f..-7f.. r-xp 00001000 08:01 1234      /usr/lib/..", without its end. */
static bool line_parse(const char *line, struct mapping *mapping)
{
    uint64_t major, minor;
    if (!take_number(&line, 16, '-', &mapping->start) ||
        !take_number(&line, 16, ' ', &mapping->end) || strnlen(line, 5) < 5)
        return false;
    mapping->is_code = line[0] == 'r' && line[2] == 'x';
    line += 5;
    if (!take_number(&line, 16, ' ', &mapping->offset) || !take_number(&line, 16, ':', &major) ||
        !take_number(&line, 16, ' ', &minor) || !take_number(&line, 10, ' ', &mapping->inode))
        return false;
    mapping->device = major << 32 | minor;
    mapping->is_vdso = mapping->inode == 0 && strstr(line, "[vdso]") != NULL;
    return true;
}

/* ---- making a new list ---- */

struct making {
    struct segment_list *list;
    uint32_t n;
    struct file file;
};

static void word_put(struct making *making, uint32_t i, size_t member, uint64_t value)
{
    atomic_store_explicit(&making->list->list[i].word[member / sizeof(uint64_t)], value,
                          memory_order_relaxed);
}

static void mapping_add(struct making *making, const struct mapping *mapping)
{
    struct file *const file = &making->file;
    uint64_t words[WORDS];
    if (mapping->inode != file->inode || mapping->device != file->device || mapping->is_vdso)
        *file = (struct file){.device = mapping->device,
                              .inode = mapping->inode,
                              .low = mapping->start,
                              .first = making->n};
    if (mapping->offset == 0 && (mapping->inode != 0 || mapping->is_vdso)) { /* maybe again */
        file->low = file->head = mapping->start;
        file->first = making->n;
    }
    file->high = mapping->end;
    for (uint32_t i = file->first; i < making->n; i++)
        word_put(making, i, offsetof(struct segment, high), mapping->end);
    if (!mapping->is_code || (mapping->inode == 0 && !mapping->is_vdso) ||
        making->n == SEGMENTS_MAX)
        return;
    struct segment segment = {.start = mapping->start,
                              .end = mapping->end,
                              .low = file->low,
                              .high = file->high,
                              .inode = mapping->inode};
    segment_describe(&segment, mapping, file->head);
    memcpy(words, &segment, sizeof(words));
    for (size_t i = 0; i < WORDS; i++)
        word_put(making, making->n, i * sizeof(uint64_t), words[i]);
    making->n++;
}

/* A line without its end. */
typedef void line_fn(void *closure, char *line);

/* A line_fn. */
static void line_add(void *closure, char *line)
{
    struct mapping mapping;
    if (line_parse(line, &mapping))
        mapping_add(closure, &mapping);
}

/* All whole lines of the text; how many bytes they were. */
static size_t lines_each(char *text, size_t len, line_fn *each, void *closure)
{
    size_t begin = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n')
            continue;
        text[i] = '\0';
        each(closure, text + begin);
        begin = i + 1;
    }
    return begin;
}

/* All lines of a file. False: not all of it could be read. */
static bool file_each(int maps, char *text, line_fn *each, void *closure)
{
    size_t len = 0;
    for (;;) {
        const ssize_t n = read(maps, text + len, TEXT_SIZE - len);
        if (n <= 0)
            return n == 0;
        len += (size_t)n;
        const size_t done = lines_each(text, len, each, closure);
        if (done == 0 && len == TEXT_SIZE)
            return false; /* a line as long as there is none */
        memmove(text, text + done, len - done);
        len -= done;
    }
}

static bool lists_differ(const struct segment_list *a, const struct segment_list *b)
{
    const uint32_t n = atomic_load_explicit(&a->n, memory_order_relaxed);
    if (n != atomic_load_explicit(&b->n, memory_order_relaxed))
        return true;
    for (uint32_t i = 0; i < n; i++)
        for (size_t k = 0; k < WORDS; k++)
            if (word_get(a, i, k * sizeof(uint64_t)) != word_get(b, i, k * sizeof(uint64_t)))
                return true;
    return false;
}

/* Is there anything in `a` that is not in `b`? Then its addresses may be used anew. */
static bool list_lost(const struct segment_list *a, const struct segment_list *b)
{
    const uint32_t n = atomic_load_explicit(&a->n, memory_order_relaxed);
    struct segment was, is;
    for (uint32_t i = 0; i < n; i++)
        if (list_find(a, word_get(a, i, offsetof(struct segment, start)), &was) &&
            (!list_find(b, was.start, &is) || is.start != was.start || is.hdr != was.hdr ||
             is.inode != was.inode))
            return true;
    return false;
}

bool segments_read(struct segments *segments, int maps, bool *changed)
{
    const uint32_t next = 1 - atomic_load(&segments->current);
    struct segment_list *const list = &segments->lists[next];
    const struct segment_list *const before = list_current(segments);
    const uint64_t epoch = segments_epoch(segments); /* as it was before the kernel was asked */
    struct making making = {.list = list};
    /* odd, and seen to be so before anything else of it */
    atomic_fetch_add_explicit(&list->turn, 1, memory_order_acq_rel);
    atomic_thread_fence(memory_order_release);
    const bool is_read = file_each(maps, segments->text, line_add, &making) && making.n > 0;
    atomic_store_explicit(&list->n, is_read ? making.n : 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&list->turn, 1, memory_order_release);
    *changed = false;
    if (!is_read)
        return false;
    segments->n_read++;
    *changed = lists_differ(before, list);
    const bool is_lost = list_lost(before, list);
    atomic_store_explicit(&segments->current, next, memory_order_release);
    atomic_store_explicit(&segments->known, epoch, memory_order_release);
    if (is_lost) { /* behind our back: what was remembered by address is void */
        segments_unmapped(segments);
        atomic_store_explicit(&segments->known, epoch + 1, memory_order_release);
    }
    return true;
}

/* ---- the name of a file ---- */

struct path_search {
    const struct segment *segment;
    char *path;
    uint32_t len;
};

/* A line_fn: behind the inode, after spaces. */
static void line_name(void *closure, char *line)
{
    struct path_search *const search = closure;
    struct mapping mapping;
    if (!line_parse(line, &mapping) || mapping.start != search->segment->start ||
        mapping.inode != search->segment->inode)
        return;
    for (int field = 0; field < 5; field++) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }
    const size_t len = strlen(line);
    if (len == 0 || len > SEGMENT_PATH_MAX)
        return;
    memcpy(search->path, line, len);
    search->len = (uint32_t)len;
}

uint32_t segments_path(struct segments *segments, const struct segment *segment,
                       char path[SEGMENT_PATH_MAX])
{
    struct path_search search = {.segment = segment, .path = path};
    const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (maps < 0)
        return 0;
    file_each(maps, segments->text, line_name, &search);
    close(maps);
    return search.len;
}

void segments_look(struct segments *segments, uint64_t now_ns)
{
    bool changed = false;
    if (!atomic_load_explicit(&segments->is_wanted, memory_order_relaxed) ||
        now_ns < segments->next_ns)
        return;
    atomic_store_explicit(&segments->is_wanted, false, memory_order_relaxed);
    const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (maps >= 0) {
        segments_read(segments, maps, &changed);
        close(maps);
    }
    segments->wait_ns =
        changed || segments->wait_ns == 0 ? SEGMENTS_WAIT_NS : 2 * segments->wait_ns;
    if (segments->wait_ns > SEGMENTS_MOST_NS)
        segments->wait_ns = SEGMENTS_MOST_NS;
    segments->next_ns = now_ns + segments->wait_ns;
}

bool segments_init(struct segments *segments, const _Atomic uint64_t *unmapped)
{
    memset(segments, 0, sizeof(*segments));
    segments->unmapped = unmapped;
    segments->lists = reserve_memory(2 * sizeof(struct segment_list));
    segments->text = reserve_memory(TEXT_SIZE);
    atomic_store(&segments->known, UINT64_MAX); /* nothing is known yet */
    atomic_store(&segments->is_wanted, true);
    return segments->lists != NULL && segments->text != NULL;
}

void segments_reset(struct segments *segments)
{
    for (uint32_t i = 0; i < 2; i++) /* one may have been in the making: that is odd */
        atomic_fetch_and(&segments->lists[i].turn, ~(uint64_t)1);
    segments_miss(segments);
}

void segments_free(struct segments *segments)
{
    reserve_give_back(&segments->lists, 2 * sizeof(struct segment_list));
    reserve_give_back(&segments->text, TEXT_SIZE);
    memset(segments, 0, sizeof(*segments));
}
