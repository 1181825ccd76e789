/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * program.h - who a process is to the people who run the host: its program,
 * control group, virtual machine, pod and (OS) container.
 */
#ifndef FDPIN_PROGRAM_H
#define FDPIN_PROGRAM_H

#include "schema.h"

#include <stddef.h>

/* Fills exe, cgroup, vm, pod and box from /proc/TGID; known stays 0 if that cannot be read. */
void program_read(__u32 tgid, struct ev_program *e);

/* For program_read() and its tests. What they do not find they leave as it was. */

/* From the text of /proc/PID/cgroup: the path in the unified hierarchy, else in the one of systemd, else the longest. */
void program_cgroup(const char *text, struct ev_program *e);
/* From e->cgroup: "machine-qemu\x2d1\x2ddb01.scope" is the machine db01; pods of Kubernetes; ids of containers. */
void program_names(struct ev_program *e);
/* Length of the part of e->cgroup that is the machine's own group; 0: it is in none, or its path was cut off. */
size_t program_machine_group(const struct ev_program *e);

#endif
