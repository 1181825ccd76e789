// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe.c - asks the kernel's type information, /proc and our own rights
 * (probe.h).
 */
#include "probe.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "types.h"
#include "util.h"

#define INIT_PID_NS_INO 0xEFFFFFFCUL /* the kernel's PROC_PID_INIT_INO */

bool probe_func(struct types *types, const char *module, const char *func)
{
	return types_find(types, module, func, BTF_KIND_FUNC, NULL);
}

bool probe_struct(struct types *types, const char *module, const char *name)
{
	return types_find(types, module, name, BTF_KIND_STRUCT, NULL);
}

bool probe_typedef(struct types *types, const char *module, const char *name)
{
	return types_find(types, module, name, BTF_KIND_TYPEDEF, NULL);
}

bool probe_member(struct types *types, const char *module, const char *type, const char *member)
{
	const struct btf *btf;
	__u32 id = types_find(types, module, type, BTF_KIND_STRUCT, &btf);
	const struct btf_type *t = id ? btf__type_by_id(btf, id) : NULL;

	for (unsigned int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), member))
			return true;
	return false;
}

/* Of the first two a kernel can be built without; the third is there since 6.6. */
const char *probe_vfio(struct types *types)
{
	static const char *const names[] = { "vfio_container", "vfio_group", "vfio_device_file" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (probe_struct(types, "vfio", names[i]))
			return names[i];
	return NULL;
}

bool probe_misc_device(const char *name)
{
	char line[64], here[32];
	bool found = false;
	FILE *f = fopen("/proc/misc", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*u %31s", here) == 1 && !strcmp(here, name);
	if (f)
		fclose(f);
	return found;
}

bool probe_module(const char *module)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	if (!access(path, F_OK))
		return true;
	/* built in without parameters it has no folder, but the device of containers is there */
	return !strcmp(module, "vfio") && probe_misc_device("vfio");
}

unsigned long long probe_module_identity(const char *module, unsigned long long known)
{
	char path[64], state[16];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module);
	if (stat(path, &st))
		return 0;
	if (st.st_ino == known)
		return known;
	snprintf(path, sizeof(path), "/sys/module/%s/initstate", module);
	read_line(path, state, sizeof(state));
	return strcmp(state, "live") ? 0 : st.st_ino;
}

bool probe_host_pid_namespace(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino == INIT_PID_NS_INO;
}

static unsigned long long effective_rights(void)
{
	unsigned long long caps = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps;
}

/* "none [integrity] confidentiality": the mode is in brackets. */
const char *probe_lockdown(void)
{
	static char mode[32];
	char line[256];

	read_line("/sys/kernel/security/lockdown", line, sizeof(line));
	if (sscanf(line, "%*[^[][%31[^]]]", mode) != 1 && sscanf(line, "[%31[^]]]", mode) != 1)
		mode[0] = '\0';
	return mode;
}

const char *probe_missing_rights(void)
{
	static const struct {
		const char *name;
		int bit;
	} need[] = { { "CAP_BPF", 39 }, { "CAP_PERFMON", 38 }, { "CAP_SYS_ADMIN", 21 } };
	static char text[96];
	unsigned long long caps = effective_rights();

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(need); i++)
		if (!(caps & (1ULL << need[i].bit)))
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", need[i].name);
	return text;
}

bool probe_too_old(void)
{
	/* of the types of program that it can be tried with, one that needs nothing to be attached to */
	return !libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL);
}
