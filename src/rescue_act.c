// SPDX-License-Identifier: GPL-2.0-only
/*
 * rescue_act.c - the one who makes the call (rescue.h).
 *
 * A driver that is told of an unmap may wait there for the work that is blocked,
 * and whoever called is then stuck for good, with all that it holds. So a child
 * calls: it has closed every descriptor but its channel, is in no session of
 * ours, and borrows the container's file itself, so that we never have it. It
 * answers with one message, or never.
 */
#include "rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define BORROW_TIMEOUT_NS (5 * NSEC_PER_SEC)

struct request {
	enum way way;
	__u64 iova, size, vaddr;
};

struct reply {
	int error;
	__u64 bytes;
};

/* ---- the child ------------------------------------------------------------------------------- */

static int borrow(const struct plan_holder *h)
{
	int pidfd = syscall(SYS_pidfd_open, h->tgid, 0), fd;

	if (pidfd < 0)
		return -errno;
	fd = syscall(SYS_pidfd_getfd, pidfd, h->fd, 0);
	if (fd < 0)
		fd = -errno;
	close(pidfd);
	return fd;
}

/* None of our descriptors may hang with it: no terminal, no pipe that somebody reads to its end. Nor a folder that is to be unmounted. */
static int let_go(int channel)
{
	int fd;

	setsid();
	if (chdir("/"))
		return -errno;
	prctl(PR_SET_NAME, "fdpin-rescue");
	fd = open("/dev/null", O_RDWR);
	if (fd < 0)
		return -errno;
	for (int i = 0; i <= STDERR_FILENO; i++)
		dup2(fd, i);
	/* to the first place behind those, and nothing else stays */
	if (dup2(channel, STDERR_FILENO + 1) < 0 || syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0))
		return -errno;
	return STDERR_FILENO + 1;
}

static struct reply serve(int container, const struct request *q)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = q->iova, .size = q->size };
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_VADDR, .vaddr = q->vaddr, .iova = q->iova, .size = q->size,
	};
	struct reply a = {};

	if (q->way == WAY_unmap ? ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap) : ioctl(container, VFIO_IOMMU_MAP_DMA, &map))
		a.error = errno;
	else
		a.bytes = q->way == WAY_unmap ? unmap.size : q->size;
	return a;
}

static void __attribute__((noreturn)) child(int channel, const struct plan_holder *h)
{
	struct reply a = {};
	struct request q;
	int container;

	channel = let_go(channel);
	container = channel < 0 ? channel : borrow(h);
	if (container < 0)
		a.error = -container;
	while (channel >= 0 && send(channel, &a, sizeof(a), MSG_NOSIGNAL) == sizeof(a) && container >= 0 &&
	       recv(channel, &q, sizeof(q), 0) == sizeof(q))
		a = serve(container, &q);
	_exit(0);
}

/* ---- we ---------------------------------------------------------------------------------------- */

static int hear(const struct borrower *b, __u64 timeout_ns, struct reply *ret)
{
	struct pollfd p = { .fd = b->channel, .events = POLLIN };
	__u64 until = now_ns() + timeout_ns, now;
	int n = 0;

	do {
		now = now_ns();
		n = poll(&p, 1, now < until ? (until - now) / NSEC_PER_MSEC + 1 : 0);
		if (n < 0 && errno != EINTR)
			return -errno;
	} while (n <= 0 && now < until);
	if (n <= 0)
		return -ETIMEDOUT;
	/* it ended without a word */
	if (recv(b->channel, ret, sizeof(*ret), 0) != sizeof(*ret))
		return -ECHILD;
	return -ret->error;
}

int borrower_start(struct borrower *ret, const struct plan_holder *h)
{
	struct reply a;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ret->pid = fork();
	if (!ret->pid)
		child(pair[1], h);
	r = ret->pid < 0 ? -errno : 0;
	close(pair[1]);
	ret->channel = pair[0];
	if (r) {
		close(pair[0]);
		return r;
	}
	r = hear(ret, BORROW_TIMEOUT_NS, &a);
	if (r)
		borrower_leave(ret);
	return r;
}

static int ask(struct borrower *b, const struct request *q, __u64 timeout_ns, struct reply *ret)
{
	if (send(b->channel, q, sizeof(*q), MSG_NOSIGNAL) != sizeof(*q))
		return -errno;
	return hear(b, timeout_ns, ret);
}

int borrower_unmap(struct borrower *b, __u64 iova, __u64 size, __u64 timeout_ns, __u64 *ret_bytes)
{
	const struct request q = { .way = WAY_unmap, .iova = iova, .size = size };
	struct reply a = {};
	int r = ask(b, &q, timeout_ns, &a);

	*ret_bytes = a.bytes;
	return r;
}

int borrower_revalidate(struct borrower *b, __u64 iova, __u64 size, __u64 vaddr, __u64 timeout_ns)
{
	const struct request q = { .way = WAY_revalidate, .iova = iova, .size = size, .vaddr = vaddr };
	struct reply a = {};

	return ask(b, &q, timeout_ns, &a);
}

void borrower_leave(struct borrower *b)
{
	close(b->channel);
	/* It may be the last to have the file, and then releases it; that is waited for a moment, and never for good. */
	for (int i = 0; i < 20 && !waitpid(b->pid, NULL, WNOHANG); i++)
		usleep(10000);
}
