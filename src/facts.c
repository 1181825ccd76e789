// SPDX-License-Identifier: GPL-2.0-only
/*
 * facts.c - gathers what `doctor` judges (facts.h): the order of it, the
 * kernel's own types, and what small files of /proc and /sys say.
 */
#include "facts.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>

#include "probe.h"
#include "types.h"
#include "util.h"

#define BTF_FOLDER "/sys/kernel/btf"

void fact_set(struct fact *fact, enum known is, const char *fmt, ...)
{
	va_list ap;

	fact->is = is;
	va_start(ap, fmt);
	vsnprintf(fact->why, sizeof(fact->why), fmt, ap);
	va_end(ap);
}

/* ---- the host ------------------------------------------------------------------------- */

static void host(struct facts *f)
{
	struct utsname uts = {};
	struct timespec now;

	uname(&uts);
	snprintf(f->node, sizeof(f->node), "%s", uts.nodename);
	snprintf(f->release, sizeof(f->release), "%s", uts.release);
	snprintf(f->machine, sizeof(f->machine), "%s", uts.machine);
	read_line("/proc/sys/kernel/random/boot_id", f->boot_id, sizeof(f->boot_id));
	clock_gettime(CLOCK_REALTIME, &now);
	f->time_ns = now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == len && !strncmp(list, word, len))
			return true;
	return false;
}

static void security(struct facts *f)
{
	const char *mode = probe_lockdown();

	if (read_line("/sys/kernel/security/lsm", f->lsms, sizeof(f->lsms)))
		fact_set(&f->lsm_bpf, known(in_list(f->lsms, "bpf")), "%s", "");
	else
		fact_set(&f->lsm_bpf, NOT_KNOWN, "cannot read /sys/kernel/security/lsm: %s", strerror(errno));
	if (*mode)
		fact_set(&f->locked_down, known(strcmp(mode, "none")), "%s", mode);
	else if (f->lsms[0] && !in_list(f->lsms, "lockdown"))
		fact_set(&f->locked_down, KNOWN_NO, "not in this kernel, or not in the list of LSMs");
	else
		fact_set(&f->locked_down, NOT_KNOWN, "cannot read a mode in /sys/kernel/security/lockdown");
}

static void hung_task(struct facts *f)
{
	static const char path[] = "/proc/sys/kernel/hung_task_timeout_secs";
	char line[32];

	if (read_line(path, line, sizeof(line)) && !parse_u64(line, &f->hung_task_s))
		fact_set(&f->hung_task, KNOWN_YES, "%s", "");
	else if (errno == ENOENT && !access("/proc/sys/kernel/ostype", R_OK))
		fact_set(&f->hung_task, KNOWN_NO, "%s", "");
	else
		fact_set(&f->hung_task, NOT_KNOWN, "cannot read %s", path);
}

/* ---- types ----------------------------------------------------------------------------- */

/* Why there is no such file, where the kernel would have put it. */
static void no_types(struct fact *fact, const char *file, const char *none)
{
	struct statfs fs;

	if (statfs(file, &fs) && statfs(BTF_FOLDER, &fs))
		fact_set(fact, statfs("/sys/kernel", &fs) || fs.f_type != SYSFS_MAGIC ? NOT_KNOWN : KNOWN_NO,
			 "no %s: %s", file, none);
	else if (fs.f_type != SYSFS_MAGIC)
		fact_set(fact, NOT_KNOWN, "%s is hidden: something is mounted over it", file);
	else if (!access(file, F_OK))
		fact_set(fact, NOT_KNOWN, "cannot read %s", file);
	else
		fact_set(fact, KNOWN_NO, "no %s: %s", file, none);
}

static struct types *kernel_types(struct facts *f)
{
	struct types *kernel = types_open();

	if (kernel)
		fact_set(&f->btf, KNOWN_YES, "%s", "");
	else
		no_types(&f->btf, BTF_FOLDER "/vmlinux", "the kernel is built without CONFIG_DEBUG_INFO_BTF");
	return kernel;
}

static void module_types(struct facts *f, struct module_facts *m, struct types *kernel, const char *name,
			 const char *marker)
{
	char file[64];

	facts_module(m, kernel, f->release, name, marker);
	if (!module_runs(m)) {
		fact_set(&m->types, NOT_KNOWN, "%s is not loaded", name);
		return;
	}
	if (!kernel) {
		fact_set(&m->types, NOT_KNOWN, "the kernel's own types are missing: %s", f->btf.why);
		return;
	}
	if (probe_struct(kernel, name, marker)) {
		fact_set(&m->types, KNOWN_YES, "%s", "");
		return;
	}
	snprintf(file, sizeof(file), BTF_FOLDER "/%s", name);
	no_types(&m->types, file, "the module has no type information");
}

/* A member of a type, where the types can be seen. */
static void member(struct fact *fact, struct types *kernel, const struct fact *types, const char *module,
		   const char *type, const char *name)
{
	if (types->is == KNOWN_YES)
		fact_set(fact, known(probe_member(kernel, module, type, name)), "%s", "");
	else
		fact_set(fact, NOT_KNOWN, "%s", types->why);
}

/* What the defects of type1 are judged by. */
static void type1_types(struct facts *f, struct types *kernel)
{
	const char *vfio = kernel ? probe_vfio(kernel) : NULL;

	module_types(f, &f->vfio, kernel, "vfio", vfio ?: "vfio_container");
	if (f->vfio.types.is == KNOWN_YES)
		fact_set(&f->containers, known(probe_struct(kernel, "vfio", "vfio_container")), "%s", "this kernel is built without");
	else
		fact_set(&f->containers, NOT_KNOWN, "%s", f->vfio.types.why);
	module_types(f, &f->type1, kernel, "vfio_iommu_type1", "vfio_iommu");
	member(&f->vaddr_invalid, kernel, &f->type1.types, "vfio_iommu_type1", "vfio_dma", "vaddr_invalid");
	member(&f->dma_mm, kernel, &f->type1.types, "vfio_iommu_type1", "vfio_dma", "mm");
	member(&f->dma_locked_vm, kernel, &f->type1.types, "vfio_iommu_type1", "vfio_dma", "locked_vm");
	member(&f->vaddr_wait, kernel, &f->type1.types, "vfio_iommu_type1", "vfio_iommu", "vaddr_wait");
}

static void types(struct facts *f, struct types *kernel)
{
	type1_types(f, kernel);
	module_types(f, &f->mdev, kernel, "mdev", "mdev_parent");
	module_types(f, &f->iommufd, kernel, "iommufd", "iommufd_ioas");
	member(&f->blocked_on, kernel, &f->btf, "vmlinux", "task_struct", "blocked_on");
	member(&f->mutex_list, kernel, &f->btf, "vmlinux", "mutex", "wait_list");
	member(&f->hung_task_blocker, kernel, &f->btf, "vmlinux", "task_struct", "blocker");
	if (f->btf.is == KNOWN_YES)
		fact_set(&f->contention, known(probe_typedef(kernel, "vmlinux", "btf_trace_contention_begin")), "%s",
			 "");
	else
		fact_set(&f->contention, NOT_KNOWN, "%s", f->btf.why);
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* It has a device where it is built in and not turned off. */
static void liveupdate(struct facts *f, struct types *kernel)
{
	if (probe_misc_device("liveupdate"))
		fact_set(&f->liveupdate, KNOWN_YES, "%s", "");
	else if (access("/proc/misc", R_OK))
		fact_set(&f->liveupdate, NOT_KNOWN, "cannot read /proc/misc: %s", strerror(errno));
	else if (!kernel)
		fact_set(&f->liveupdate, KNOWN_NO, "no such device: not in this kernel, or not turned on");
	else if (probe_func(kernel, "vmlinux", "luo_ioctl"))
		fact_set(&f->liveupdate, KNOWN_NO, "built in, but not turned on (liveupdate=on)");
	else
		fact_set(&f->liveupdate, KNOWN_NO, "not in this kernel");
}

static void rights(struct facts *f)
{
	snprintf(f->missing_rights, sizeof(f->missing_rights), "%s", probe_missing_rights());
	if (access("/proc/self/ns/pid", F_OK))
		fact_set(&f->host_pid_namespace, NOT_KNOWN, "cannot look at /proc/self/ns/pid: %s", strerror(errno));
	else
		fact_set(&f->host_pid_namespace, known(probe_host_pid_namespace()), "%s", "");
}

void facts_gather(struct facts *f, bool commands)
{
	struct types *kernel;

	*f = (struct facts){};
	host(f);
	rights(f);
	security(f);
	hung_task(f);
	kernel = kernel_types(f);
	types(f, kernel);
	facts_guard_text(f, kernel);
	facts_devices(f);
	liveupdate(f, kernel);
	facts_tests(f, kernel);
	types_close(kernel);
	if (commands)
		facts_commands(f);
}

void facts_of_exclusion(struct facts *f, struct types *kernel)
{
	*f = (struct facts){};
	host(f);
	fact_set(&f->btf, KNOWN_YES, "%s", "");
	type1_types(f, kernel);
	facts_guard_text(f, kernel);
	facts_devices(f);
}

void facts_of_ranges(struct fact *own_mm)
{
	static struct facts f;
	struct types *kernel;

	f = (struct facts){};
	host(&f);
	kernel = kernel_types(&f);
	type1_types(&f, kernel);
	*own_mm = f.dma_mm;
	types_close(kernel);
}
