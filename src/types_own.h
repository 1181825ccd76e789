/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types_own.h - what types.c, types_index.c and types_pick.c share, and nobody else (types.h)
 */
#ifndef FDPIN_TYPES_OWN_H
#define FDPIN_TYPES_OWN_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/types.h>

struct btf;
struct btf_type;

#define MODULES_MAX 16 /* that are asked for by name */

/* Type information: the kernel's, or what a module adds to it. */
struct unit {
	char name[56]; /* as long as a module's can be */
	ino_t file; /* its file in /sys/kernel/btf when it was read, another one once it is loaded again; 0: there was none */
	struct btf *btf;
	int fd; /* as the kernel has it, for programs; -1 */
	__u32 *ids; /* open addressing; 0 is free */
	__u32 mask;
	__u32 *copies; /* by id: what it is called where it was copied to; only while types are picked */
};

struct types {
	struct unit kernel;
	struct unit modules[MODULES_MAX];
	unsigned int n_modules;
	int file; /* of what programs are adapted by */
	char path[32];
	char misfit[192]; /* of what was adapted last */
	struct types *before; /* the one that was opened before */
};

/* Makes the index, of the types from this id on: 0, or -ENOMEM. The caller frees u->ids. */
int types_index(struct unit *u, __u32 from);

/* The ids of a name and kind one after the other, in order; *place is 0 at the start. 0: no more. */
__u32 types_next(const struct unit *u, const char *name, unsigned int kind, __u32 *place);

/*
 * All types of the units that have the name of a type in programs, with what they
 * are made of; pointers point to void. A name is looked up in one unit after the
 * other, the kernel first, until one has it. The caller frees it; NULL and errno.
 */
struct btf *types_pick(struct unit *const *units, unsigned int n_units, const struct btf *programs);

/* A type's name without what tells apart several ideas of it (struct what___before). False if it has none, or a longer one. */
bool types_essential_name(const struct btf *btf, const struct btf_type *t, char *ret, size_t size);

/*
 * Does each member that the programs of this object file read have the size there
 * that they read? programs: the object's own types, kernel: what types_pick() made.
 * 1 and a sentence about the first that has not; 0, or a negative errno.
 */
int types_fit(const void *file, size_t file_size, const struct btf *programs, const struct btf *kernel, char *ret, size_t size);

/* The same of one member, of a type of the programs, by the way to it as a relocation has it ("0:2:1"). */
int types_fit_one(const struct btf *programs, const struct unit *kernel, __u32 type, const char *access, char *ret, size_t size);

/* What programs take a function they attach to to be, as PROTOTYPES of bpf/compat.h has it; NULL: nothing is known of it. */
const char *types_takes(const char *func);

/* Is the function of this id so? */
bool types_proto_fits(const struct btf *btf, __u32 func, const char *takes);

#endif
