/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.h - what this kernel has and what we may do, by asking; never by
 * version. All answers are about now: modules come and go.
 */
#ifndef FDPIN_PROBE_H
#define FDPIN_PROBE_H

#include <stdbool.h>

struct types;

/* Is there such a function, struct, member? Asked of what types_open() gave; module is where it lives unless it is built in; "vmlinux" for the kernel itself. */
bool probe_func(struct types *types, const char *module, const char *func);
bool probe_struct(struct types *types, const char *module, const char *name);
bool probe_typedef(struct types *types, const char *module, const char *name);
bool probe_member(struct types *types, const char *module, const char *type, const char *member);

/* The name of a struct of VFIO's own, not of a header others include, that this kernel has: by it VFIO is known to be there, and its types. NULL: none. */
const char *probe_vfio(struct types *types);

/* Is there a device of this name in /proc/misc? */
bool probe_misc_device(const char *name);
/* Is the module loaded, or VFIO built in? Does not need type information. */
bool probe_module(const char *module);
/* What tells a loaded module from one of this name that was loaded before; 0 if there is none with type information that is ready. Cheap if it is the known one. */
unsigned long long probe_module_identity(const char *module, unsigned long long known);

/* False in a PID namespace of our own: a look sees the threads of its namespace only. */
bool probe_host_pid_namespace(void);

/* Does it lack what our programs cannot do without (bpf_loop(), and what came with it in Linux 5.17)? Not being able to tell is a no. */
bool probe_too_old(void);
#define TOO_OLD "this kernel is too old: it has no bpf_loop(), which is in Linux 5.17 and later"

/* The mode of kernel lockdown, "none", "integrity" or "confidentiality"; "" if there is no such thing or it cannot be read. Static. */
const char *probe_lockdown(void);

/* The capabilities a look needs and we have not, each with a blank before it; "" for none. Static. */
const char *probe_missing_rights(void);

#endif
