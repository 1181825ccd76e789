// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor_kernel.c - the checks of what the kernel offers to look with, and of
 * our rights to (doctor.h).
 */
#include <string.h>

#include "doctor.h"
#include "util.h"

static void append(char *text, size_t size, const char *s)
{
	size_t used = strlen(text);

	if (s[0])
		snprintf(text + used, size - used, "%s%s", used ? ", " : "", s);
}

/* ---- programs that were tried --------------------------------------------------------- */

static const char *const test_names[DOCTOR__max] = {
#define X(name, what) [DOCTOR_##name] = what,
	DOCTOR_TESTS(X)
#undef X
};

/* The worst of some tests: one that failed, else one that could not be made, else the first. Notes each. */
static const struct fact *worst(struct check *c, const struct facts *f, int first, int last, int *ret_test)
{
	int at = first;

	for (int i = first; i <= last; i++) {
		const struct fact *t = &f->tests[i];

		check_note(c, "tested", "%s: %s%s%s", test_names[i],
			   t->is == KNOWN_YES ? "it ran" :
			   t->is	      ? "no" :
						"not tried",
			   t->why[0] ? ", " : "", t->why);
		if (f->tests[at].is != KNOWN_NO && (t->is == KNOWN_NO || (!t->is && f->tests[at].is)))
			at = i;
	}
	*ret_test = at;
	return &f->tests[at];
}

/* ok if all of them ran. */
static void tried(struct check *c, const struct facts *f, int first, int last, const char *ok)
{
	int test;
	const struct fact *t = worst(c, f, first, last, &test);

	if (t->is == KNOWN_YES)
		check_answer(c, KNOWN_YES, STATE_OK, "%s", ok);
	else if (t->is == KNOWN_NO)
		check_answer(c, KNOWN_NO, STATE_NONE, "%s: %s", test_names[test], t->why);
	else
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s", t->why);
}

void judge_fentry(struct check *c, const struct facts *f)
{
	/* the function of vfio's that is tried is one of containers */
	if (module_runs(&f->vfio) && f->containers.is != KNOWN_NO)
		tried(c, f, DOCTOR_fentry, DOCTOR_fexit_module,
		      "test programs attached, fired and detached, in the kernel and in vfio");
	else
		tried(c, f, DOCTOR_fentry, DOCTOR_fexit, "test programs attached, fired and detached");
}

void judge_iterators(struct check *c, const struct facts *f)
{
	tried(c, f, DOCTOR_iter_task, DOCTOR_iter_task_vma, "task, task_file, task_vma");
}

void judge_memory(struct check *c, const struct facts *f)
{
	tried(c, f, DOCTOR_read_kernel, DOCTOR_read_kernel, "can be read");
	if (f->tests[DOCTOR_read_kernel].is == KNOWN_NO && !strcmp(f->locked_down.why, "confidentiality"))
		check_answer(c, KNOWN_NO, STATE_NONE, "kernel lockdown forbids it, see there");
}

void judge_symbols(struct check *c, const struct facts *f)
{
	tried(c, f, DOCTOR_symbols, DOCTOR_symbols, "can be looked up");
	if (c->answer == KNOWN_NO)
		check_answer(c, KNOWN_NO, STATE_NONE, "hidden: kernel.kptr_restrict is 2, or CAP_SYSLOG is missing");
}

/* As the kernel writes it; with blanks where it could not be wrapped otherwise. */
static void list_lsms(const struct facts *f, char *buf, size_t size)
{
	bool wide = strlen(f->lsms) > 50;
	size_t n = 0;

	if (!f->lsms[0])
		snprintf(buf, size, "the list of LSMs cannot be read");
	for (const char *p = f->lsms; *p && n + 3 < size; p++) {
		buf[n++] = *p;
		if (*p == ',' && wide)
			buf[n++] = ' ';
		buf[n] = '\0';
	}
}

void judge_lsm(struct check *c, const struct facts *f)
{
	char list[TEXT_MAX];

	list_lsms(f, list, sizeof(list));
	tried(c, f, DOCTOR_lsm, DOCTOR_lsm, list);
	check_note(c, "tested", "/sys/kernel/security/lsm: %s", list);
	if (c->answer != KNOWN_NO)
		return;
	if (f->lsm_bpf.is == KNOWN_NO)
		check_answer(c, KNOWN_NO, f->tests[DOCTOR_fmod_ret].is == KNOWN_YES ? STATE_PART : STATE_NONE,
			     "bpf is not in the list of LSMs: %s", list);
	check_note(c, "fix", "boot with lsm=%s%sbpf", f->lsms, f->lsms[0] ? "," : "");
}

void judge_fmod_ret(struct check *c, const struct facts *f)
{
	tried(c, f, DOCTOR_fmod_ret, DOCTOR_fmod_ret, "test program on security_file_ioctl fired");
}

/* ---- types ------------------------------------------------------------------------------- */

/* Adds a module to those with types, or to those without. */
static void sort_module(const struct module_facts *m, const char *name, char *with, char *without, size_t size,
			bool *hidden)
{
	if (!module_runs(m))
		return;
	if (m->types.is != KNOWN_YES) {
		append(without, size, name);
		*hidden |= m->types.is == NOT_KNOWN;
	} else if (m->presence == PRESENCE_LOADED) {
		append(with, size, name);
	}
}

void judge_btf(struct check *c, const struct facts *f)
{
	char with[96] = "vmlinux", without[96] = "";
	bool hidden = false;

	check_note(c, "tested", "type information of the kernel: %s%s", f->btf.is == KNOWN_YES ? "read" : "",
		   f->btf.why);
	if (f->btf.is != KNOWN_YES) {
		check_answer(c, f->btf.is, f->btf.is ? STATE_NONE : STATE_UNKNOWN, "%s", f->btf.why);
		check_note(c, "means", "without it no command but report works");
		return;
	}
	sort_module(&f->vfio, "vfio", with, without, sizeof(with), &hidden);
	sort_module(&f->type1, "vfio_iommu_type1", with, without, sizeof(with), &hidden);
	sort_module(&f->mdev, "mdev", with, without, sizeof(with), &hidden);
	sort_module(&f->iommufd, "iommufd", with, without, sizeof(with), &hidden);
	if (without[0])
		check_answer(c, hidden ? NOT_KNOWN : KNOWN_NO, hidden ? STATE_UNKNOWN : STATE_PART, "%s; %s for %s",
			     with, hidden ? "hidden" : "none", without);
	else
		check_answer(c, KNOWN_YES, STATE_OK, "%s%s", with,
			     f->vfio.presence == PRESENCE_BUILT_IN ? ", with VFIO built in" :
			     !module_runs(&f->vfio)		   ? " (vfio is not loaded)" :
								     "");
}

static const char *there(const struct fact *fact)
{
	return fact->is == KNOWN_YES ? "is there" : fact->is ? "is not there" : fact->why;
}

void judge_contention(struct check *c, const struct facts *f)
{
	check_note(c, "tested", "BTF of the kernel: btf_trace_contention_begin: %s", there(&f->contention));
	if (f->contention.is == KNOWN_YES)
		check_answer(c, KNOWN_YES, STATE_OK, "tracepoint lock:contention_begin");
	else if (f->contention.is == KNOWN_NO)
		check_answer(c, KNOWN_NO, STATE_NONE, "tracepoint lock:contention_begin is not in this kernel");
	else
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s", f->contention.why);
}

void judge_waiters(struct check *c, const struct facts *f)
{
	const char *instead = f->mutex_list.is == KNOWN_YES ?
				      "a wait that began before attach is found by stack scan" :
				      "and what waits for a mutex is not on a list that can be walked: such a wait "
				      "is one for something unknown";

	check_note(c, "tested", "BTF of the kernel: task_struct.blocked_on: %s", there(&f->blocked_on));
	check_note(c, "tested", "BTF of the kernel: mutex.wait_list: %s", there(&f->mutex_list));
	if (f->blocked_on.is == NOT_KNOWN)
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s", f->blocked_on.why);
	else if (f->blocked_on.is == KNOWN_NO)
		check_answer(c, KNOWN_NO, STATE_PART, "task_struct.blocked_on is not in this kernel; %s", instead);
	else if (f->mutex_list.is == KNOWN_YES)
		check_answer(c, KNOWN_YES, STATE_OK, "task_struct.blocked_on");
	else
		check_answer(c, KNOWN_YES, STATE_PART, "task_struct.blocked_on is there, but not yet used; %s",
			     instead + strlen("and "));
}

void judge_hung_task(struct check *c, const struct facts *f)
{
	const char *blocker = f->hung_task_blocker.is == KNOWN_YES ? ", and who holds the lock it waits for" : "";
	char time[FORMAT_MAX];

	check_note(c, "tested", "kernel.hung_task_timeout_secs: %s", there(&f->hung_task));
	check_note(c, "means",
		   "it names a thread that sleeps uninterruptibly%s; never the worker that sleeps killably, nor "
		   "the range",
		   blocker);
	if (f->hung_task.is == NOT_KNOWN)
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s", f->hung_task.why);
	else if (f->hung_task.is == KNOWN_NO)
		check_answer(c, KNOWN_NO, STATE_NONE, "not in this kernel (CONFIG_DETECT_HUNG_TASK is not set)");
	else if (!f->hung_task_s)
		check_answer(c, KNOWN_NO, STATE_NONE, "turned off: kernel.hung_task_timeout_secs is 0");
	else
		check_answer(c, KNOWN_YES, STATE_OK, "on, after %s",
			     format_duration(f->hung_task_s * NSEC_PER_SEC, time));
}

void judge_lockdown(struct check *c, const struct facts *f)
{
	const struct fact *l = &f->locked_down, *read = &f->tests[DOCTOR_read_kernel];

	check_note(c, "tested", "/sys/kernel/security/lockdown: %s", l->is == NOT_KNOWN || l->why[0] ? l->why : "none");
	if (l->is == NOT_KNOWN)
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s", l->why);
	else if (l->is == KNOWN_NO)
		check_answer(c, KNOWN_YES, STATE_OK, "none");
	else if (!strcmp(l->why, "integrity"))
		check_answer(c, KNOWN_YES, STATE_OK, "integrity: programs may still read kernel memory");
	else
		check_answer(c, read->is == KNOWN_YES ? KNOWN_YES : KNOWN_NO,
			     read->is == KNOWN_YES ? STATE_PART : STATE_NONE, "%s: programs may not read kernel memory",
			     l->why);
}

/* ---- rights -------------------------------------------------------------------------------- */

void judge_rights(struct check *c, const struct facts *f)
{
	check_note(c, "tested", "effective capabilities of this process");
	if (f->missing_rights[0])
		check_answer(c, KNOWN_NO, STATE_PART, "missing:%s", f->missing_rights);
	else
		check_answer(c, KNOWN_YES, STATE_OK, "CAP_BPF CAP_PERFMON CAP_SYS_ADMIN");
}

void judge_visibility(struct check *c, const struct facts *f)
{
	check_note(c, "tested", "inode of /proc/self/ns/pid");
	if (f->host_pid_namespace.is == KNOWN_YES)
		check_answer(c, KNOWN_YES, STATE_OK, "host PID namespace: every task and kernel thread");
	else if (f->host_pid_namespace.is == KNOWN_NO)
		check_answer(c, KNOWN_NO, STATE_PART,
			     "a PID namespace of its own: threads outside it are not seen; run on the host");
	else
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s", f->host_pid_namespace.why);
}
