// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor_vfio.c - the checks of VFIO and iommufd, and with them the defects
 * (doctor.h).
 *
 * Whether a thread can block on an invalidated range is not to be seen in any
 * one place. The code that waits is there if vfio_iommu has vaddr_wait (6.4 took
 * it away: "vfio/type1: revert block on invalid vaddr"). Whether it is guarded shows
 * in two: the driver's answer to VFIO_CHECK_EXTENSION, and the words of its
 * refusals in the module's file. A driver that was rebuilt may have one of them
 * and not the other, so neither is enough to contradict the other, and where
 * the code that waits is there the answer alone is not enough for a "no".
 */
#include <string.h>

#include "doctor.h"
#include "util.h"

#define TYPE1 "vfio_iommu_type1"
#define FIX_GUARD                                                                                       \
	"a kernel with ef3a3f6a294b \"vfio/type1: exclude mdevs from VFIO_UPDATE_VADDR\" (6.3; stable " \
	"6.1.y since March 2023)"

/* ---- what is known of the driver ------------------------------------------------------- */

/* Answers a check about the driver where there is none, or it cannot be told. */
static bool no_driver(struct check *c, const struct module_facts *m, const char *name)
{
	switch (m->presence) {
	case PRESENCE_LOADED:
	case PRESENCE_BUILT_IN:
		return false;
	case PRESENCE_NONE:
		check_note(c, "tested", "/sys/module, BTF of the kernel, modules.dep, modules.builtin: no %s", name);
		check_answer(c, KNOWN_YES, STATE_OK, "this kernel has no %s", name);
		return true;
	case PRESENCE_NOT_LOADED:
		check_note(c, "tested", "/sys/module, BTF of the kernel, modules.dep: %s is there, but not loaded",
			   name);
		check_note(c, "fix", "modprobe %s, then ask again", name);
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s is not loaded: what it does is not seen", name);
		return true;
	default:
		check_note(c, "tested", "/sys/module, BTF of the kernel, modules.dep: not enough of it can be read");
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "whether there is %s cannot be seen", name);
		return true;
	}
}

static const char *not_there(enum known is)
{
	return is == KNOWN_YES ? "there" : "not there";
}

/* Notes whether a member is there; false, and the check is answered, where that is not known. */
static bool has_member(struct check *c, const struct fact *fact, const char *name)
{
	if (fact->is == NOT_KNOWN) {
		check_note(c, "tested", "type information of " TYPE1 ": %s", fact->why);
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "no type information: %s", fact->why);
		return false;
	}
	check_note(c, "tested", "BTF of " TYPE1 ": %s is %s", name, not_there(fact->is));
	return true;
}

/* The driver does not know invalid addresses: nothing of this concerns it. */
static bool before_vaddr(struct check *c, const struct facts *f)
{
	if (f->vaddr_invalid.is != KNOWN_NO)
		return false;
	check_note(c, "tested", "BTF of " TYPE1 ": vfio_dma.vaddr_invalid is not there");
	check_answer(c, KNOWN_YES, STATE_OK, "this driver cannot invalidate addresses");
	return true;
}

enum guard {
	GUARD_NOT_KNOWN,
	GUARD_IN,
	GUARD_SAID, /* the driver says so, and nothing confirms it */
	GUARD_OUT,
	GUARD_CONTRADICTION,
};

static enum guard guard_of(const struct facts *f)
{
	enum known old_answer = f->extension.is, text = f->guard_text.is;

	if (old_answer && text && old_answer == text)
		return GUARD_CONTRADICTION;
	if (text == KNOWN_YES)
		return GUARD_IN;
	if (old_answer == KNOWN_YES)
		return GUARD_OUT;
	if (old_answer == KNOWN_NO)
		return f->type1.presence == PRESENCE_BUILT_IN ? GUARD_IN : GUARD_SAID;
	/* no answer: the accounting came with the guard, but was taken over without it too */
	if (text == KNOWN_NO && f->dma_mm.is == KNOWN_NO && f->dma_locked_vm.is == KNOWN_NO)
		return GUARD_OUT;
	return GUARD_NOT_KNOWN;
}

/* A path that is too long for a line: its beginning, and its name. */
static const char *short_path(const char *path, char *buf, size_t size)
{
	const char *name = strrchr(path, '/'), *p = path;

	for (int slashes = 0; *p && slashes < 4; p++)
		slashes += *p == '/';
	if (!name || p > name)
		return path;
	snprintf(buf, size, "%.*s...%s", (int)(p - path), path, name);
	return buf;
}

static void note_guard(struct check *c, const struct facts *f)
{
	char buf[WHY_MAX];
	const char *file = short_path(f->type1_file, buf, sizeof(buf));

	if (f->extension.is == NOT_KNOWN)
		check_note(c, "tested", "VFIO_CHECK_EXTENSION(VFIO_UPDATE_VADDR): %s", f->extension.why);
	else
		check_note(c, "tested", "VFIO_CHECK_EXTENSION(VFIO_UPDATE_VADDR) on a container without a group: %s",
			   f->extension.is == KNOWN_YES ? "1, the answer of code without the guard" :
							  "0, the answer of code with the guard");
	if (f->guard_text.is == NOT_KNOWN)
		check_note(c, "tested", "text \"not allowed with VFIO_UPDATE_VADDR\" of " TYPE1 ": %s%s%s",
			   f->guard_text.why, f->type1_file[0] ? ": " : "", file);
	else if (f->guard_in_memory)
		check_note(c, "tested",
			   "the memory of the loaded " TYPE1 " has %s text \"not allowed with VFIO_UPDATE_VADDR\"; of its file: %s",
			   f->guard_text.is == KNOWN_YES ? "the" : "no", f->guard_text.why);
	else
		check_note(c, "tested",
			   "%s has %s text \"not allowed with VFIO_UPDATE_VADDR\"; %s, so the file is the code "
			   "that runs",
			   file, f->guard_text.is == KNOWN_YES ? "the" : "no", f->guard_text.why);
}

/* Why no answer follows from it. */
static void guard_not_known(struct check *c, const struct facts *f, enum guard guard)
{
	if (guard == GUARD_CONTRADICTION)
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN,
			     "the driver says that it is %sguarded, but the refusals are %sin its code: rebuilt?",
			     f->extension.is == KNOWN_NO ? "" : "not ", f->extension.is == KNOWN_NO ? "not " : "");
	else if (guard == GUARD_SAID)
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN,
			     "the driver says that it is guarded, but nothing confirms it: %s", f->guard_text.why);
	else if (f->extension.is == NOT_KNOWN)
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "the driver cannot be asked whether it is guarded: %s",
			     f->extension.why);
	else
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "whether it is guarded: %s", f->guard_text.why);
}

/* ---- type1 --------------------------------------------------------------------------------- */

void judge_type1(struct check *c, const struct facts *f)
{
	switch (f->type1.presence) {
	case PRESENCE_LOADED:
		check_answer(c, KNOWN_YES, STATE_OK, "loaded%s%s", f->type1.srcversion[0] ? ", srcversion " : "",
			     f->type1.srcversion);
		break;
	case PRESENCE_BUILT_IN:
		check_answer(c, KNOWN_YES, STATE_OK, "built in");
		break;
	case PRESENCE_NONE:
		check_answer(c, KNOWN_NO, STATE_NONE, "not in this kernel");
		break;
	case PRESENCE_NOT_LOADED:
		check_answer(c, KNOWN_NO, STATE_NONE, "not loaded");
		check_note(c, "fix", "modprobe " TYPE1);
		break;
	default:
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "whether it is there cannot be seen");
	}
	check_note(c, "tested", "/sys/module/" TYPE1 ", BTF of the kernel, modules.dep, modules.builtin");
}

void judge_vaddr_wait(struct check *c, const struct facts *f)
{
	enum guard guard = guard_of(f);

	if (no_driver(c, &f->type1, TYPE1) || before_vaddr(c, f) ||
	    !has_member(c, &f->vaddr_wait, "vfio_iommu.vaddr_wait"))
		return;
	if (f->vaddr_wait.is == KNOWN_NO) {
		check_answer(c, KNOWN_YES, STATE_OK, "no code here waits for an address");
		return;
	}
	note_guard(c, f);
	if (guard == GUARD_IN) {
		check_answer(c, KNOWN_YES, STATE_OK,
			     "code is present but guarded: invalidating a container that has an mdev fails with EBUSY");
	} else if (guard == GUARD_OUT) {
		check_answer(c, KNOWN_NO, STATE_FAIL, "a kernel thread can block here without limit");
		check_note(c, "means", "VFIO_DMA_UNMAP_FLAG_VADDR on a container with an mdev can deadlock the host");
		check_note(c, "fix", FIX_GUARD);
		check_note(c, "until",
			   "systemctl enable --now fdpin-trace (rule mdev-vaddr), or fdpin-trace enforce; fdpin-trace "
			   "status --check tells when it has happened");
	} else {
		guard_not_known(c, f, guard);
	}
}

void judge_mdev_exclusion(struct check *c, const struct facts *f)
{
	enum guard guard = guard_of(f);

	if (no_driver(c, &f->type1, TYPE1) || before_vaddr(c, f))
		return;
	/* where nothing can wait any more, nobody has a reason to take only the refusal out */
	if (guard == GUARD_SAID && f->vaddr_wait.is == KNOWN_NO)
		guard = GUARD_IN;
	note_guard(c, f);
	if (guard == GUARD_IN) {
		check_answer(c, KNOWN_YES, STATE_OK,
			     "an invalidation is refused while an mdev is there, and an mdev "
			     "while a range is invalid");
	} else if (guard == GUARD_OUT) {
		check_answer(c, KNOWN_NO, STATE_FAIL, "ranges of a container with an mdev can be invalidated");
		check_note(c, "means", "an mdev driver may need an address that nobody gives back");
		check_note(c, "fix", FIX_GUARD);
		check_note(c, "until", "no mdev in a container whose addresses are invalidated");
	} else {
		guard_not_known(c, f, guard);
	}
}

void judge_locked_vm(struct check *c, const struct facts *f)
{
	if (no_driver(c, &f->type1, TYPE1) || !has_member(c, &f->dma_mm, "vfio_dma.mm"))
		return;
	if (f->dma_mm.is == KNOWN_YES) {
		check_answer(c, KNOWN_YES, STATE_OK, "kept per DMA range: exec does not make another mm pay");
		return;
	}
	check_answer(c, KNOWN_NO, STATE_FAIL, "charged to whatever mm a process has: wraps below zero after exec");
	check_note(c, "means",
		   "a process that unmaps after exec gets a VmLck near 2^64, and its next map fails with ENOMEM");
	check_note(c, "fix",
		   "a kernel with 046eca5018f8 \"vfio/type1: prevent underflow of locked_vm via exec()\" (6.3; "
		   "stable 6.1.y since March 2023)");
	check_note(c, "until", "no exec by a process that has mapped memory; it can hand the files to another one");
}

/* The count per range is what is moved; the function that moves it is inlined everywhere. */
void judge_restore(struct check *c, const struct facts *f)
{
	if (no_driver(c, &f->type1, TYPE1) || before_vaddr(c, f) ||
	    !has_member(c, &f->dma_locked_vm, "vfio_dma.locked_vm"))
		return;
	if (f->dma_locked_vm.is == KNOWN_YES) {
		check_note(c, "tested",
			   "inferred: the count per range came in the same series as what moves it, for its sake");
		check_answer(c, KNOWN_YES, STATE_OK, "carried to the new mm when a range gets its new address");
		return;
	}
	check_answer(c, KNOWN_NO, STATE_FAIL, "a range that gets its new address after exec stays uncharged");
	check_note(c, "means", "memory stays pinned that is charged to nobody");
	check_note(c, "fix",
		   "a kernel with 90fdd158a695 \"vfio/type1: restore locked_vm\" (6.3; stable 6.1.y since March "
		   "2023)");
}

/* ---- iommufd --------------------------------------------------------------------------------- */

void judge_iommufd(struct check *c, const struct facts *f)
{
	check_note(c, "tested", "/sys/module/iommufd, BTF of the kernel, modules.dep, modules.builtin");
	switch (f->iommufd.presence) {
	case PRESENCE_LOADED:
		check_answer(c, KNOWN_YES, STATE_OK, "loaded");
		break;
	case PRESENCE_BUILT_IN:
		check_answer(c, KNOWN_YES, STATE_OK, "built in");
		break;
	case PRESENCE_NONE:
		check_answer(c, KNOWN_NO, STATE_NONE, "not built (CONFIG_IOMMUFD is not set)");
		break;
	case PRESENCE_NOT_LOADED:
		check_answer(c, KNOWN_NO, STATE_NONE, "not loaded");
		check_note(c, "fix", "modprobe iommufd");
		break;
	default:
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "whether it is there cannot be seen");
	}
}

static void judge_call(struct check *c, const struct facts *f, const struct fact *call, const char *name,
		       const char *without)
{
	if (call->is == NOT_KNOWN) {
		check_note(c, "tested", "%s on a context of our own: %s", name, call->why);
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s", call->why);
	} else if (call->is == KNOWN_YES) {
		check_note(c, "tested", "%s on a context of our own, with an argument that is refused: not ENOTTY",
			   name);
		check_answer(c, KNOWN_YES, STATE_OK, "%s", name);
	} else {
		check_note(c, "tested", "%s on a context of our own: %s", name, call->why[0] ? call->why : "ENOTTY");
		check_answer(c, KNOWN_NO, STATE_NONE, "%s",
			     f->iommufd.presence == PRESENCE_NONE ? without : "no such call");
	}
}

void judge_map_file(struct check *c, const struct facts *f)
{
	judge_call(c, f, &f->map_file, "IOMMU_IOAS_MAP_FILE", "need iommufd with IOMMU_IOAS_MAP_FILE (Linux 6.13)");
}

void judge_change_process(struct check *c, const struct facts *f)
{
	judge_call(c, f, &f->change_process, "IOMMU_IOAS_CHANGE_PROCESS",
		   "needs iommufd with IOMMU_IOAS_CHANGE_PROCESS (Linux 6.13)");
}

/*
 * Without a device nothing is pinned, and no counter can be seen to stay behind.
 * What can be seen is whether the code that moves it is called at all, for 0
 * pages: where the user pays it is (so it is called for 0 pages too), and where
 * nobody pays, with CAP_IPC_LOCK, it has to be as well, as pinned_vm of the mm
 * counts either way. The other way to go wrong, after the old owner is dead and
 * with the mm paying, is not tried: it makes the kernel warn.
 */
void judge_accounting(struct check *c, const struct facts *f)
{
	if (no_driver(c, &f->iommufd, "iommufd"))
		return;
	if (f->change_process.is == KNOWN_NO) {
		check_note(c, "tested", "IOMMU_IOAS_CHANGE_PROCESS on a context of our own: ENOTTY");
		check_answer(c, KNOWN_YES, STATE_OK, "there is no such call here");
		return;
	}
	if (f->moves_user.is == NOT_KNOWN || f->moves_none.is == NOT_KNOWN) {
		const char *why = f->moves_user.is == NOT_KNOWN ? f->moves_user.why : f->moves_none.why;

		check_note(c, "tested", "an empty take-over of one page of a file between two processes of ours: %s",
			   why);
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN, "%s", why);
		return;
	}
	check_note(c, "tested",
		   "one page of a file, not pinned, taken over from a process of ours that the user pays for: "
		   "iopt_pages_update_pinned is %scalled",
		   f->moves_user.is == KNOWN_YES ? "" : "not ");
	check_note(c, "tested", "the same from one with CAP_IPC_LOCK, whose pages nobody pays for: it is %scalled",
		   f->moves_none.is == KNOWN_YES ? "" : "not ");
	if (f->moves_user.is == KNOWN_NO) {
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN,
			     "this kernel moves nothing for a page that is not pinned, and "
			     "without a device none is");
	} else if (f->moves_none.is == KNOWN_YES) {
		check_answer(c, NOT_KNOWN, STATE_UNKNOWN,
			     "with CAP_IPC_LOCK the charge moves; with the limit per mm and "
			     "a dead owner it is not tried, as a kernel with the defect warns");
	} else {
		check_answer(c, KNOWN_NO, STATE_FAIL, "with CAP_IPC_LOCK pinned_vm stays with the old process");
		check_note(c, "means",
			   "the VmPin of the new process wraps below zero when it unmaps, and that of the old one "
			   "keeps what it no longer has");
		check_note(c, "until", "a VMM without CAP_IPC_LOCK, and with a limit that suffices: there it is moved");
	}
}

void judge_liveupdate(struct check *c, const struct facts *f)
{
	check_note(c, "tested", "/proc/misc: liveupdate");
	if (f->liveupdate.is == KNOWN_YES)
		check_answer(c, KNOWN_YES, STATE_OK, "/dev/liveupdate");
	else
		check_answer(c, f->liveupdate.is, f->liveupdate.is ? STATE_NONE : STATE_UNKNOWN, "%s",
			     f->liveupdate.why);
}
