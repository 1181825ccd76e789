/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * migrate.h - whether what is mapped could be mapped from files, and with which
 * calls; whether IOMMU_IOAS_CHANGE_PROCESS would succeed as things are. A pure
 * function of a model; only migrate_fd_find() asks /proc.
 *
 * A range of a process can lie in several mappings of it: then it takes several
 * calls, and is told in as many pieces.
 */
#ifndef FDPIN_MIGRATE_H
#define FDPIN_MIGRATE_H

#include "backing.h"
#include "facts.h"
#include "verdict.h"

/*
 * W(name in C, id, why, is a call to be told): why memory is, could be, or
 * cannot be mapped from a file. What iommufd pins of a file is shmem and
 * hugetlbfs. Other files it takes, and refuses to pin: EINVAL when a device is
 * attached, by the call if that was so before.
 */
#define MIGRATE_WHYS(W)                                                                              \
	W(MAPPED, "mapped-from-file", "mapped from its file already", false)                         \
	W(FILE, "has-file", "has a file that it could be mapped from", true)                         \
	W(ANONYMOUS, "anonymous", "anonymous memory: no file is behind it", false)                   \
	W(PRIVATE, "private", "a private mapping: what is written is in no file", false)             \
	W(NAMELESS, "nameless", "shared memory that no descriptor leads to", false)                  \
	W(OTHER_FILE, "file-system", "a file of a file system that iommufd does not pin", true)      \
	W(GUEST_MEMFD, "guest-memfd", "a guest_memfd; whether iommufd pins one is not known", false) \
	W(DMABUF, "dma-buf", "a dma-buf, which no other process can take over", false)               \
	W(MMIO, "mmio", "a mapping without pages, such as a region of a device", false)               \
	W(OWNER_GONE, "owner-gone", "mapped from its file, but charged to an address space that is gone", false) \
	W(NOT_KNOWN, "not-known", "what is behind it is not known", false)

enum migrate_why {
#define W(name, id, text, call) MIGRATE_##name,
	MIGRATE_WHYS(W)
#undef W
	MIGRATE__max,
};

extern const char *const migrate_why_ids[MIGRATE__max], *const migrate_why_texts[MIGRATE__max];

/* The IOMMU_IOAS_MAP_FILE that would map a piece, as a process that has the file open would make it. */
struct migrate_call {
	bool there;  /* else there is none to be told */
	__u32 flags;
	int errnum;  /* what it fails with when a device is attached to the ioas, 0: it succeeds; without one both succeed */
	__u32 tgid;  /* 0: no process was found that has the file open */
	int fd;	     /* in that process */
};

struct migrate_piece {
	const struct ev_range *range; /* these two belong to the model */
	const struct ev_memory *mem;  /* NULL: none was found */
	enum migrate_why why;
	__u64 iova, size;
	__u64 start; /* offset in the file, where there is one */
	bool refuses; /* CHANGE_PROCESS fails because of it */
	struct migrate_call call;
};

enum migrate_change {
	CHANGE_YES,
	CHANGE_NO,	  /* a piece refuses: EINVAL */
	CHANGE_NO_CALL,	  /* not iommufd, or of a kernel without it */
	CHANGE_NOT_KNOWN, /* not everything was read */
};

struct migrate {
	const struct obj *container;
	struct migrate_piece *v; /* by ioas and iova; free it */
	size_t n;
	unsigned int pieces[MIGRATE__max];
	__u64 bytes[MIGRATE__max];
	bool uncharged; /* nobody is charged for some of it, which is so with CAP_IPC_LOCK */
	bool partial;	/* not all of its ranges were read */
	enum migrate_change change;
};

/* change_process: this kernel has the call. 0 or -ENOMEM. */
int migrate_collect(const struct model *m, const struct obj *c, enum known change_process, struct backing_index *ix,
		    struct migrate *ret);
/* All is mapped from files, by iommufd, and could be taken over by another process. */
enum answer migrate_ready(const struct migrate *g);

/*
 * The lowest descriptor of a process that has this file open, for writing if
 * that is asked for; -1: none was found.
 */
int migrate_fd_find(__u32 tgid, const struct ev_memory *mem, bool writes);
/* Fills in who could make the calls. */
void migrate_callers_find(const struct model *m, struct migrate *g);

#endif
