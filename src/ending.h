/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ending.h - is whoever has a container about to let go of it?
 *
 * A process that ends has left its address space before its files are closed, and
 * what it had pinned is unpinned only then: of a large virtual machine that takes
 * many seconds. Meanwhile it looks like pages that are charged to nobody, and is
 * none. One that never comes to an end of it is the business of other verdicts.
 */
#ifndef FDPIN_ENDING_H
#define FDPIN_ENDING_H

#include "model.h"

/* As the last look has it: what cannot be told for this reason, in words; NULL: nothing of the kind. */
const char *container_ending(const struct model *m, const struct obj *c);

#endif
