/* SPDX-License-Identifier: MIT */
/* What stands in for libpyrec.so where the agent is a fake: it is loaded and does nothing. */
extern const char quiet_library[];
const char quiet_library[] = "nothing";
