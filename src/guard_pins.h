/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_pins.h - the links of a guard, pinned in a folder of bpffs: they keep it
 * attached when its process is no more. Those of one guard are a generation, a
 * folder below that folder.
 */
#ifndef FDPIN_GUARD_PINS_H
#define FDPIN_GUARD_PINS_H

#include "guard.h"

#define PINS_FOLDER "/sys/fs/bpf/fdpin-trace"

struct pins;

/*
 * The folder, which is made if it is not there, and is nobody else's as long as this lives. 0 or -errno,
 * with *ret_why: -EINVAL: it is no place for pins; -EBUSY: another guard pins there.
 */
int pins_open(struct pins **ret, const char *folder, const char **ret_why);
const char *pins_folder(const struct pins *p);
/* The folder, open; another one after pins_renew(). */
int pins_fd(const struct pins *p);
/* All links of this guard, or none. What was pinned before stays. 0 or -errno, with *ret_why. */
int pins_put(struct pins *p, const struct guard *g, const char **ret_why);
/* From here on only what was put last is there. Returns how many generations went. */
int pins_take_over(struct pins *p);
/* Is all of it where it was put? NULL, or what is wrong. */
const char *pins_missing(const struct pins *p);
/* Put it there once more, in a folder of that name that is made anew if need be. 0 or -errno, with *ret_why. */
int pins_renew(struct pins *p, const struct guard *g, const char **ret_why);
/* leave: what took over stays. All else that was put goes. */
void pins_close(struct pins *p, bool leave);

#endif
