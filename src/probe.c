// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe.c - asks the kernel's type information, /proc and our own rights
 * (probe.h). The type information of a module is looked for in the module, and
 * in the kernel when there is no such module, as it may be built in.
 */
#include "probe.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define INIT_PID_NS_INO 0xEFFFFFFCUL /* the kernel's PROC_PID_INIT_INO */

/* To be freed with btf_put(): vmlinux's stays. */
static struct btf *btf_get(struct btf *vmlinux, const char *module)
{
	struct btf *btf = NULL;
	char path[96];

	if (vmlinux && strcmp(module, "vmlinux")) {
		btf = btf__load_module_btf(module, vmlinux);
		/* asking the kernel for it takes CAP_SYS_ADMIN, reading the file does not */
		snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module);
		if (!btf)
			btf = btf__parse_split(path, vmlinux);
	}
	return btf ?: vmlinux;
}

static void btf_put(struct btf *btf, struct btf *vmlinux)
{
	if (btf != vmlinux)
		btf__free(btf);
}

static bool has(struct btf *vmlinux, const char *module, const char *name, unsigned int kind)
{
	struct btf *btf = btf_get(vmlinux, module);
	bool found = btf && btf__find_by_name_kind(btf, name, kind) > 0;

	btf_put(btf, vmlinux);
	return found;
}

bool probe_func(struct btf *vmlinux, const char *module, const char *func)
{
	return has(vmlinux, module, func, BTF_KIND_FUNC);
}

bool probe_struct(struct btf *vmlinux, const char *module, const char *name)
{
	return has(vmlinux, module, name, BTF_KIND_STRUCT);
}

bool probe_typedef(struct btf *vmlinux, const char *module, const char *name)
{
	return has(vmlinux, module, name, BTF_KIND_TYPEDEF);
}

bool probe_member(struct btf *vmlinux, const char *module, const char *type, const char *member)
{
	struct btf *btf = btf_get(vmlinux, module);
	int id = btf ? btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	bool found = false;

	for (unsigned int i = 0; t && i < btf_vlen(t) && !found; i++)
		found = !strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), member);
	btf_put(btf, vmlinux);
	return found;
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
