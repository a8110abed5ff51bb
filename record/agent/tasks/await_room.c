/* SPDX-License-Identifier: MIT */
#include "await_room.h"
#include "record/agent/base/reserve.h"
#include <string.h>

bool awaits_init(struct awaits *awaits)
{
    memset(awaits, 0, sizeof(*awaits));
    awaits->slot_ns = AWAITS_SLOT_NS;
    awaits->room = reserve_memory(sizeof(*awaits->room));
    return awaits->room != NULL;
}

void awaits_free(struct awaits *awaits)
{
    reserve_give_back(&awaits->room, sizeof(*awaits->room));
    memset(awaits, 0, sizeof(*awaits));
}

void awaits_forget_chains(struct awaits *awaits)
{
    if (awaits->n_sent > 0) /* else the memory was never touched */
        memset(awaits->room->sent, 0, sizeof(awaits->room->sent));
    awaits->n_sent = 0;
}

void awaits_reset(struct awaits *awaits)
{
    reserve_wipe(awaits->room, sizeof(*awaits->room)); /* a chain may be there that has no number */
    awaits->n_sent = 0;
    awaits->n_loops = awaits->find_at = 0;
    awaits->find_ns = 0;
    awaits->slot_ns = AWAITS_SLOT_NS;
}

void awaits_rested(struct awaits *awaits, uint64_t end_ns)
{
    for (uint32_t i = 0; awaits != NULL && i < awaits->n_loops; i++)
        awaits->loops[i].held_ns = end_ns;
}
