/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * look_memory.h - the part of a look that is about processes and memory; for
 * look.c and source_bpf.c.
 */
#ifndef FDPIN_LOOK_MEMORY_H
#define FDPIN_LOOK_MEMORY_H

#include "source_bpf.h"

struct look_memory *look_memory_new(void); /* NULL: no memory */
void look_memory_free(struct look_memory *m); /* accepts NULL */
/* A look begins: forget what the one before showed. */
void look_memory_begin(struct look_memory *m);
/* Every record of the look goes through here. */
void look_memory_note(struct look_memory *m, const struct record *r);
/* After the containers were read: the records about processes and memory. 0, -errno or what stopped it. */
int look_memory(struct source_bpf *s);

/* In look.c: hdr.look of the look that is being taken. */
__u8 look_number(const struct source_bpf *s);
/* Run an iterator program over the threads of a process, 0 for all. 0 or -errno. */
int run_task_iterator(struct bpf_program *prog, __u32 tgid);

#endif
