/* SPDX-License-Identifier: MIT */
#include "sheet.h"

#include <string.h>

static void grow_shelves(struct sheet *sheet, struct arena *arena, size_t needed)
{
    size_t n = sheet->n_shelves > 0 ? sheet->n_shelves : 4;
    while (n < needed)
        n *= 2;
    struct sheet_shelf **const shelves = arena_get(arena, n * sizeof(struct sheet_shelf *));
    if (sheet->n_shelves > 0)
        memcpy(shelves, sheet->shelves, sheet->n_shelves * sizeof(struct sheet_shelf *));
    sheet->shelves = shelves;
    sheet->n_shelves = n;
}

struct weight *sheet_grow(struct sheet *sheet, struct arena *arena, uint32_t i)
{
    const size_t shelf = i / (SHEET_PAGE * SHEET_SHELF), page = i / SHEET_PAGE % SHEET_SHELF;
    if (shelf >= sheet->n_shelves)
        grow_shelves(sheet, arena, shelf + 1);
    if (sheet->shelves[shelf] == NULL)
        sheet->shelves[shelf] = arena_get(arena, sizeof(struct sheet_shelf));
    struct weight **const at = &sheet->shelves[shelf]->pages[page];
    if (*at == NULL)
        *at = arena_get(arena, SHEET_PAGE * sizeof(struct weight));
    return *at + i % SHEET_PAGE;
}

bool sheet_next_page(const struct sheet *sheet, struct sheet_page *page)
{
    while (page->next / SHEET_SHELF < sheet->n_shelves) {
        const size_t n = page->next++;
        const struct sheet_shelf *const shelf = sheet->shelves[n / SHEET_SHELF];
        if (shelf == NULL) {
            page->next = (n / SHEET_SHELF + 1) * SHEET_SHELF;
            continue;
        }
        if (shelf->pages[n % SHEET_SHELF] == NULL)
            continue;
        page->weights = shelf->pages[n % SHEET_SHELF];
        page->first = (uint32_t)(n * SHEET_PAGE);
        return true;
    }
    return false;
}

struct sheet sheet_copy(const struct sheet *sheet, struct arena *arena)
{
    struct sheet copy = {0};
    if (sheet->n_shelves == 0)
        return copy;
    copy.n_shelves = sheet->n_shelves;
    copy.shelves = arena_get(arena, copy.n_shelves * sizeof(struct sheet_shelf *));
    for (size_t i = 0; i < sheet->n_shelves; i++) {
        const struct sheet_shelf *const from = sheet->shelves[i];
        if (from == NULL)
            continue;
        struct sheet_shelf *const to = copy.shelves[i] = arena_get(arena, sizeof *to);
        for (size_t page = 0; page < SHEET_SHELF; page++) {
            if (from->pages[page] == NULL)
                continue;
            to->pages[page] = arena_get(arena, SHEET_PAGE * sizeof(struct weight));
            memcpy(to->pages[page], from->pages[page], SHEET_PAGE * sizeof(struct weight));
        }
    }
    return copy;
}
