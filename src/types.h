/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types.h - the kernel's type information by name. libbpf goes through all of
 * it for each name, and through that of every loaded module for a function of a
 * module; here it is gone through once, and the programs we load are told where
 * they attach.
 */
#ifndef FDPIN_TYPES_H
#define FDPIN_TYPES_H

#include <linux/types.h>
#include <stdbool.h>

struct bpf_link;
struct bpf_object;
struct bpf_object_skeleton;
struct bpf_program;
struct btf;
struct types;

/*
 * That of the kernel; modules are read when they are first asked for. Until it
 * is closed, BPF programs that are loaded find what they attach to in the one
 * that was opened last. NULL: there is none, or it cannot be read; errno.
 */
struct types *types_open(void);
void types_close(struct types *t);

/*
 * The id of the first type of this name and kind (BTF_KIND_FUNC, _STRUCT or
 * _TYPEDEF); 0 if there is none. module is where it lives unless it is built in,
 * "vmlinux" for the kernel itself. *ret_btf, if wanted, is what the id is of.
 */
__u32 types_find(struct types *t, const char *module, const char *name, unsigned int kind, const struct btf **ret_btf);

/*
 * Has the function the arguments, and returns it what, our programs take it to
 * (PROTOTYPES in bpf/compat.h)? The kernel does not ask. False, too, if there is none.
 */
bool types_func_fits(struct types *t, const char *module, const char *func);

/*
 * What programs are adapted to the kernel by (CO-RE), instead of all its type
 * information for each type they use: the name of a file for btf_custom_path, when
 * an object is opened, and what writes into it all that the object's own types
 * need of the kernel's and of the modules that are there now, before it is loaded.
 * 0, or a negative errno. A member that has another size there than the programs
 * read is found by libbpf nevertheless, and misread, and so is an argument of a
 * function that a program attaches to: types_misfit() is a sentence about the first
 * of these, or "".
 */
const char *types_file(const struct types *t);
int types_adapt(struct types *t, const struct bpf_object_skeleton *s);
const char *types_misfit(const struct types *t);

/*
 * Attaches a program, but for an iterator's, that was loaded while one of these was
 * open, to what its section names. bpf_program__attach() and what a skeleton attaches
 * by cannot: libbpf has forgotten the kind of section. NULL and errno.
 */
struct bpf_link *types_attach(const struct bpf_program *prog);

#endif
