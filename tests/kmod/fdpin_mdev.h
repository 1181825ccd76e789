/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fdpin_mdev.h - what a program and the fdpin_mdev test device say to each other
 *
 * Shared by the kernel module and by the programs of tests/progs. A program
 * writes one struct fdpin_cmd at FDPIN_CMD_OFF of region 0 and reads one
 * struct fdpin_result at FDPIN_RESULT_OFF; both in one piece. The lists give
 * every value and the word for it once: the module prints the words in its
 * "fdpin_state" attribute, the programs take them as option arguments.
 */
#ifndef FDPIN_MDEV_H
#define FDPIN_MDEV_H

#include <linux/types.h>

#define FDPIN_NAME		"fdpin_mdev"
#define FDPIN_TYPE		"dma"		/* sysfs: fdpin_mdev-dma */
#define FDPIN_CMD_OFF		0
#define FDPIN_RESULT_OFF	0x100
#define FDPIN_REGION_SIZE	0x1000
#define FDPIN_MAX_LEN		0x10000		/* bytes in one dma_rw */
#define FDPIN_MAX_PAGES		512		/* pages in one pin */

/*
 * What to do with the range. HOLD_MM takes the mmap_lock of who does it for
 * writing, says bytes=1, and gives it back with the next command of op NONE;
 * meanwhile it waits to be told, or with delay_ms for a timer, again and again.
 * The caller alone has an address space.
 */
#define FDPIN_OP_LIST(X)					\
	X(NONE, none)						\
	X(PIN, pin)						\
	X(UNPIN, unpin)						\
	X(DMA_RW, dma_rw)					\
	X(HOLD_MM, hold_mm)

/* Who does it. SYSWORK is a work item on the system's own workqueue. */
#define FDPIN_CTX_LIST(X)					\
	X(CALLER, caller)					\
	X(WORK, work)						\
	X(SYSWORK, syswork)					\
	X(DELAYED, delayed)					\
	X(ORDERED, ordered)					\
	X(KTHREAD, kthread)

/* What close_device waits for. */
#define FDPIN_CLOSE_LIST(X)					\
	X(NOTHING, nothing)					\
	X(FLUSH_WORK, flush_work)				\
	X(CANCEL_WORK_SYNC, cancel_work_sync)			\
	X(FLUSH_DELAYED_WORK, flush_delayed_work)		\
	X(CANCEL_DELAYED_WORK_SYNC, cancel_delayed_work_sync)	\
	X(FLUSH_WORKQUEUE, flush_workqueue)			\
	X(DRAIN_WORKQUEUE, drain_workqueue)			\
	X(ORDERED_SECOND, ordered_second)			\
	X(OTHER_WORK, other_work)				\
	X(COMPLETION, completion)				\
	X(MUTEX, mutex)						\
	X(KTHREAD_STOP, kthread_stop)

#define FDPIN_STATE_LIST(X)					\
	X(IDLE, idle)						\
	X(QUEUED, queued)					\
	X(RUNNING, running)					\
	X(DONE, done)

#define FDPIN_ENUM_OP(id, word)		FDPIN_OP_##id,
#define FDPIN_ENUM_CTX(id, word)	FDPIN_CTX_##id,
#define FDPIN_ENUM_CLOSE(id, word)	FDPIN_CLOSE_##id,
#define FDPIN_ENUM_STATE(id, word)	FDPIN_STATE_##id,
#define FDPIN_WORD(id, word)		#word,

enum fdpin_op { FDPIN_OP_LIST(FDPIN_ENUM_OP) FDPIN_OP_MAX };
enum fdpin_ctx { FDPIN_CTX_LIST(FDPIN_ENUM_CTX) FDPIN_CTX_MAX };
enum fdpin_close { FDPIN_CLOSE_LIST(FDPIN_ENUM_CLOSE) FDPIN_CLOSE_MAX };
enum fdpin_state { FDPIN_STATE_LIST(FDPIN_ENUM_STATE) FDPIN_STATE_MAX };

/* dma_rw writes to the program's memory instead of reading it */
#define FDPIN_F_WRITE		0x1
/* whoever does the act holds the device's mutex meanwhile */
#define FDPIN_F_HOLD_MUTEX	0x2
/* the dma_unmap callback first flushes the work item of the act */
#define FDPIN_F_UNMAP_FLUSH	0x4
/* the dma_unmap callback gives nothing back: iommufd then refuses the unmap; of type1 it is not taken, as that BUG()s */
#define FDPIN_F_UNMAP_KEEP	0x8
#define FDPIN_F_ALL		0xf

/*
 * A command with op NONE only sets what close_device and dma_unmap will do,
 * and is taken even while an act is going on. Any other is refused with
 * EBUSY until the act before it has ended. EOPNOTSUPP: not of this container.
 */
struct fdpin_cmd {
	__u32 op;
	__u32 ctx;
	__u32 close;
	__u32 flags;
	__u64 iova;
	__u64 len;		/* bytes; a whole number of pages for pin */
	__u64 fill;		/* FDPIN_F_WRITE: this, again and again */
	__u32 delay_ms;		/* DELAYED: how long the timer runs */
	__u32 other_ms;		/* OTHER_WORK: how long that item sleeps */
	char name[16];		/* KTHREAD: its comm, any bytes */
};

struct fdpin_result {
	__u32 state;
	__s32 ret;		/* what the kernel's function returned */
	__u64 bytes;		/* bytes moved, or pages pinned now by the act */
	__u64 first;		/* the first eight bytes dma_rw has read */
	__u32 worker_tid;
	__u32 started;		/* acts begun and ended since the open */
	__u32 ended;
	__u32 pinned;		/* pages this device holds at the moment */
};

#endif
