// SPDX-License-Identifier: GPL-2.0-only
/*
 * alike - random vfio calls of every kind, --rounds of them from --seed, and what
 * came of each: a line for each call, to be compared with those of another run
 *
 * Two containers, two mdevs, and the vfio-pci groups of --pci and --other, which
 * come and go. What a call came to, and the pages that are locked then, are in
 * its line; now and then all that calls tell of the state is, too: the ranges,
 * what the devices have pinned, the memory, the groups, how many files are open. No
 * line has a number of the kernel's or a time in it. What is called next does not
 * hang on what came of the calls before, but for two things: what is restored is
 * mostly invalid; and what could sleep for an address that is invalid is left out,
 * with --what waits, which is for kernels on which there are such calls; not with
 * --what refuses.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096UL
#define SLOTS 6 /* ranges of a container */
#define SLOT (8 * PAGE)
#define FIRST 0x100000000ULL
#define N_CONTAINERS 2
#define N_MDEVS 2
#define N_GROUPS 4 /* the mdevs first */

/* A container: it lives as long as its file or a group in it. */
struct container {
	int fd, groups;
	bool driver;
	bool invalid[SLOTS]; /* it may be */
};

struct group {
	int fd, device;
	const char *path;
	struct container *in;
	__u64 pinned; /* the first page that was pinned last */
	struct box box; /* of an mdev */
};

static __u64 rnd_state;
static unsigned int n_calls, n_done, n_failed, n_left_out;
static struct container *containers[N_CONTAINERS];
static struct group groups[N_GROUPS];
static int n_groups = N_MDEVS;
static bool waits;
/* Memory that a file is behind, memory without one, and an address at which nothing may be read or written. */
static char *memory[3];
/* The argument of a call, below 4 GiB; the same at another address, which is not written to. */
static char *arg_page;
static int arg_file, status_file;
static char path_of_mdev[N_MDEVS][64];

/* xorshift64: the same on every machine */
static __u64 rnd(__u64 below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state % below;
}

#define ONE_OF(array) ((array)[rnd(sizeof(array) / sizeof((array)[0]))])

/* ---- lines ---------------------------------------------------------------------------------------- */

static long locked_kib(void)
{
	char text[4096], *at;
	ssize_t n = pread(status_file, text, sizeof(text) - 1, 0);

	if (n <= 0)
		die("status");
	text[n] = '\0';
	at = strstr(text, "\nVmLck:");
	return at ? atol(at + strlen("\nVmLck:")) : -1;
}

/* What a call was, and came to; errno is of the call. */
static void line(long ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void line(long ret, const char *fmt, ...)
{
	const char *came_to = ret < 0 ? strerrorname_np(errno) : "done";
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	n_calls++;
	*(ret < 0 ? &n_failed : &n_done) += 1;
	say("%u %s: %s %ld, %ld kB", n_calls, what, came_to, ret > 0 ? ret : 0, locked_kib());
}

static void left_out(const char *what)
{
	n_left_out++;
	say("%u %s: could sleep", ++n_calls, what);
}

static __u32 sum(const void *data, size_t size)
{
	const unsigned char *at = data;
	__u32 n = 2166136261;

	for (size_t i = 0; i < size; i++)
		n = (n ^ at[i]) * 16777619;
	return n;
}

/* ---- arguments ------------------------------------------------------------------------------------ */

enum form { NATIVE, COMPAT, NOT_THERE, READ_ONLY, NOWHERE, FORMS };
static const char *const form_words[FORMS] = { "", " (32 bit)", " (not there)", " (read-only)", " (nowhere)" };
static const unsigned long nowhere[] = { 0, 0xffffffff81000000UL, 0x00f0000000000000UL, 0xffffffffffffff00UL };

static enum form any_form(void)
{
	__u64 n = rnd(16);

	return n < 10 ? NATIVE : n < 12 ? COMPAT : n < 14 ? NOT_THERE : n < 15 ? READ_ONLY : NOWHERE;
}

static long call32(int fd, unsigned long cmd, const void *arg)
{
#ifdef __x86_64__
	return ioctl32(fd, cmd, arg);
#else
	return ioctl(fd, cmd, arg);
#endif
}

/* The answer is in *arg afterwards, if there was a place for it. */
static long call(int fd, unsigned long cmd, void *arg, size_t size, enum form form)
{
	int prot = form == READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE, error;
	void *at = arg_page;
	long ret;

	if (form == NOWHERE)
		return ioctl(fd, cmd, ONE_OF(nowhere));
	memcpy(arg_page, arg, size);
	if (form == NOT_THERE || form == READ_ONLY) {
		/* in the file, and in no page table yet, or in one that may be read */
		at = mmap(NULL, PAGE, prot, MAP_SHARED | (form == READ_ONLY ? MAP_POPULATE : 0), arg_file, 0);
		if (at == MAP_FAILED)
			die("mmap");
	}
	ret = form == COMPAT ? call32(fd, cmd, at) : ioctl(fd, cmd, at);
	error = errno;
	memcpy(arg, arg_page, size);
	if (at != arg_page)
		munmap(at, PAGE);
	errno = error;
	return ret;
}

/* ---- containers ----------------------------------------------------------------------------------- */

static void open_container(int i)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		die("calloc");
	c->fd = open("/dev/vfio/vfio", O_RDWR);
	line(c->fd < 0 ? -1 : 0, "container %d", i);
	containers[i] = c;
}

/* May an address of these be invalid, on a kernel on which others wait for it? */
static bool could_sleep(const struct container *c, __u64 iova, __u64 size)
{
	for (int i = 0; waits && i < SLOTS; i++)
		if (c->invalid[i] && iova < FIRST + (i + 1) * SLOT && iova + size > FIRST + i * SLOT)
			return true;
	return false;
}

/* The last group takes the driver with it, and all ranges. */
static void one_less(struct group *g)
{
	if (!--g->in->groups) {
		memset(g->in->invalid, 0, sizeof(g->in->invalid));
		g->in->driver = false;
	}
	g->in = NULL;
}

static void do_renew(void)
{
	int i = rnd(N_CONTAINERS);

	if (rnd(6))
		return;
	close(containers[i]->fd);
	containers[i]->fd = -1;
	open_container(i);
}

static void do_set_iommu(void)
{
	static const unsigned long types[] = { VFIO_TYPE1v2_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_SPAPR_TCE_IOMMU, 77 };
	int i = rnd(N_CONTAINERS);
	unsigned long type = ONE_OF(types);
	long ret = ioctl(containers[i]->fd, VFIO_SET_IOMMU, type);

	if (!ret)
		containers[i]->driver = true;
	line(ret, "container %d: driver %lu", i, type);
}

static void do_ask(void)
{
	static const unsigned long what[] = { VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_UPDATE_VADDR, VFIO_UPDATE_VADDR, VFIO_UNMAP_ALL,
					      VFIO_DMA_CC_IOMMU, 99 };
	int i = rnd(N_CONTAINERS);
	unsigned long w = ONE_OF(what);

	if (!rnd(4))
		line(ioctl(containers[i]->fd, VFIO_GET_API_VERSION), "container %d: version", i);
	else
		line(ioctl(containers[i]->fd, VFIO_CHECK_EXTENSION, w), "container %d: extension %lu", i, w);
}

static void do_info(void)
{
	union {
		struct vfio_iommu_type1_info info;
		char room[1024];
	} u = { 0 };
	enum form form = any_form();
	int i = rnd(N_CONTAINERS);
	bool small = !rnd(6);
	long ret;

	u.info.argsz = small ? 8 : sizeof(u);
	ret = call(containers[i]->fd, VFIO_IOMMU_GET_INFO, &u, sizeof(u), form);
	/* how many more ranges it takes is in it */
	line(ret, "container %d: info%s%s flags %x caps %x", i, small ? " small" : "", form_words[form], u.info.flags, sum(&u, sizeof(u)));
}

/* ---- ranges --------------------------------------------------------------------------------------- */

static void map_line(long ret, int i, int s, const char *what, enum form form, const struct vfio_iommu_type1_dma_map *m)
{
	line(ret, "container %d: %s%s range %d flags %x size %llx", i, what, form_words[form], s, m->flags, (unsigned long long)m->size);
}

static void do_map(void)
{
	static const __u32 flags[] = { 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 2, 0, 8, VFIO_DMA_MAP_FLAG_VADDR | 1 };
	struct vfio_iommu_type1_dma_map m = { .argsz = sizeof(m), .flags = ONE_OF(flags), .size = SLOT };
	int i = rnd(N_CONTAINERS), s = rnd(SLOTS), kind = rnd(16);
	enum form form = any_form();
	long ret;

	m.iova = FIRST + s * SLOT;
	m.vaddr = (__u64)(unsigned long)memory[kind < 9 ? 0 : kind < 15 ? 1 : 2] + s * SLOT;
	switch (rnd(40)) {
	case 0: m.argsz = 8; break;
	case 1: m.iova += 100; break;
	case 2: m.size = 0; break;
	case 3: m.size = ~0ULL - PAGE + 1; break;
	case 4: m.vaddr = 0xffff000000000000ULL; break;
	case 5: m.iova = ~0ULL - PAGE + 1; break;
	}
	ret = call(containers[i]->fd, VFIO_IOMMU_MAP_DMA, &m, sizeof(m), form);
	map_line(ret, i, s, kind < 9 ? "map a file" : kind < 15 ? "map memory" : "map nothing", form, &m);
}

static void do_restore(void)
{
	struct vfio_iommu_type1_dma_map m = { .argsz = sizeof(m), .flags = VFIO_DMA_MAP_FLAG_VADDR, .size = SLOT };
	int i = rnd(N_CONTAINERS), s = rnd(SLOTS), kind = rnd(2);
	enum form form = any_form();
	long ret;

	/* mostly one that there is */
	for (int n = 0; n < SLOTS && !containers[i]->invalid[s] && rnd(8); n++)
		s = (s + 1) % SLOTS;
	m.iova = FIRST + s * SLOT;
	m.vaddr = (__u64)(unsigned long)memory[kind] + s * SLOT;
	switch (rnd(12)) {
	case 0: m.size -= PAGE; break;
	case 1: m.flags |= 3; break;
	case 2: m.iova += PAGE; break;
	}
	ret = call(containers[i]->fd, VFIO_IOMMU_MAP_DMA, &m, sizeof(m), form);
	if (!ret)
		containers[i]->invalid[s] = false;
	map_line(ret, i, s, kind ? "restore memory" : "restore a file", form, &m);
}

/* What it may have done: an answer that could not be written undoes nothing. */
static void note_unmapped(struct container *c, const struct vfio_iommu_type1_dma_unmap *u, long ret)
{
	bool all = u->flags & VFIO_DMA_UNMAP_FLAG_ALL, invalidates = u->flags & VFIO_DMA_UNMAP_FLAG_VADDR;
	__u64 last = u->iova + u->size - 1;

	for (int s = 0; s < SLOTS; s++) {
		__u64 iova = FIRST + s * SLOT;

		if (!all && (last < iova || u->iova >= iova + SLOT))
			continue;
		if (invalidates && (!ret || errno == EFAULT))
			c->invalid[s] = true;
		if (!invalidates && !ret && (all || (u->iova <= iova && last >= iova + SLOT - 1)))
			c->invalid[s] = false;
	}
}

static void unmap_of(int s, __u32 flags, struct vfio_iommu_type1_dma_unmap *u)
{
	bool all = flags & VFIO_DMA_UNMAP_FLAG_ALL;

	*u = (struct vfio_iommu_type1_dma_unmap) { .argsz = sizeof(*u), .flags = flags };
	u->iova = all ? 0 : FIRST + s * SLOT;
	u->size = all ? 0 : SLOT;
	switch (rnd(24)) {
	case 0: u->argsz = 23; break;
	case 1: u->argsz = ~0U; break;
	case 2: u->size = 0; break;
	case 3: u->size = ~0ULL; break;
	case 4: u->size = 1ULL << 63; break;
	case 5: u->iova = ~0ULL - PAGE + 1; break;
	case 6: u->size /= 2; break;
	case 7: u->size = 2 * SLOT; break;
	case 8: u->iova += 100; break;
	case 9: u->flags |= 1U << 5; break;
	}
}

static void unmap(const char *what, __u32 flags)
{
	struct vfio_iommu_type1_dma_unmap u, asked;
	int i = rnd(N_CONTAINERS), s = rnd(SLOTS);
	enum form form = any_form();
	long ret;

	unmap_of(s, flags, &u);
	asked = u;
	ret = call(containers[i]->fd, VFIO_IOMMU_UNMAP_DMA, &u, sizeof(u), form);
	if (form != NOWHERE)
		note_unmapped(containers[i], &asked, ret);
	line(ret, "container %d: %s%s range %d flags %x, unmapped %llx", i, what, form_words[form], s, asked.flags, (unsigned long long)u.size);
}

static void do_unmap(void)
{
	unmap("unmap", rnd(6) ? 0 : VFIO_DMA_UNMAP_FLAG_ALL);
}

static void do_invalidate(void)
{
	static const __u32 more[] = { 0, 0, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, VFIO_DMA_UNMAP_FLAG_ALL, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, 1U << 31 };

	unmap("invalidate", VFIO_DMA_UNMAP_FLAG_VADDR | ONE_OF(more));
}

static void do_unmap_dirty(void)
{
	struct {
		struct vfio_iommu_type1_dma_unmap u;
		struct vfio_bitmap bitmap;
	} d = { 0 };
	int i = rnd(N_CONTAINERS), s = rnd(SLOTS);
	__u64 bits = 0;
	long ret;

	d.u = (struct vfio_iommu_type1_dma_unmap) {
		.argsz = sizeof(d), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, .iova = FIRST + s * SLOT, .size = SLOT,
	};
	d.bitmap = (struct vfio_bitmap) { .pgsize = PAGE, .size = sizeof(bits), .data = (void *)&bits };
	ret = call(containers[i]->fd, VFIO_IOMMU_UNMAP_DMA, &d, sizeof(d), NATIVE);
	line(ret, "container %d: unmap and ask range %d, unmapped %llx, dirty %llx", i, s, (unsigned long long)d.u.size, (unsigned long long)bits);
}

static void do_dirty(void)
{
	static const __u32 flags[] = { VFIO_IOMMU_DIRTY_PAGES_FLAG_START, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
				       VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, 7, 8 };
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} d = { 0 };
	int i = rnd(N_CONTAINERS), s = rnd(SLOTS);
	enum form form = any_form();
	__u64 bits = 0;
	long ret;

	d.dirty.flags = ONE_OF(flags);
	d.dirty.argsz = rnd(8) ? sizeof(d) : 4;
	d.get.iova = FIRST + s * SLOT;
	d.get.size = SLOT;
	d.get.bitmap = (struct vfio_bitmap) { .pgsize = PAGE, .size = sizeof(bits), .data = (void *)&bits };
	ret = call(containers[i]->fd, VFIO_IOMMU_DIRTY_PAGES, &d, sizeof(d), form);
	line(ret, "container %d: dirty%s flags %x range %d: %llx", i, form_words[form], d.dirty.flags, s, (unsigned long long)bits);
}

/* ---- groups --------------------------------------------------------------------------------------- */

static struct group *any_group(void)
{
	return &groups[rnd(2) ? rnd(N_MDEVS) : rnd(n_groups)];
}

static int number_of(const struct group *g)
{
	return g - groups;
}

/* Devices are mostly in the second one, and mdevs in the first: with an mdev beside them there is less that goes well. */
static int any_home(const struct group *g)
{
	return rnd(8) ? number_of(g) >= N_MDEVS : (int)rnd(N_CONTAINERS);
}

static void join(struct group *g, int i, enum form form)
{
	int fd = containers[i]->fd;
	long ret;

	/* a device that comes to ranges of others waits for their addresses */
	if (number_of(g) >= N_MDEVS && could_sleep(containers[i], FIRST, SLOTS * SLOT)) {
		left_out("join");
		return;
	}
	ret = call(g->fd, VFIO_GROUP_SET_CONTAINER, &fd, sizeof(fd), form);
	if (!ret) {
		g->in = containers[i];
		g->in->groups++;
	}
	line(ret, "group %d: join%s container %d", number_of(g), form_words[form], i);
}

static void do_join(void)
{
	struct group *g = any_group();
	int i = any_home(g), other;
	enum form form = any_form();

	if (rnd(6)) {
		join(g, i, form);
		return;
	}
	other = rnd(3) == 0 ? -1 : rnd(2) ? arg_file : g->fd;
	line(call(g->fd, VFIO_GROUP_SET_CONTAINER, &other, sizeof(other), form), "group %d: join%s what is none", number_of(g), form_words[form]);
}

static void leave(struct group *g)
{
	long ret = group_unset(g->fd);

	if (!ret && g->in)
		one_less(g);
	line(ret, "group %d: leave", number_of(g));
}

static void do_leave(void)
{
	struct group *g = any_group();

	if (!rnd(2))
		leave(g);
}

static void say_group(struct group *g)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	long ret = call(g->fd, VFIO_GROUP_GET_STATUS, &status, sizeof(status), NATIVE);

	line(ret, "group %d: status %x", number_of(g), status.flags);
}

static void do_group_status(void)
{
	say_group(any_group());
}

static void open_device(struct group *g, bool wrong, enum form form)
{
	bool mdev = number_of(g) < N_MDEVS;
	char name[40] = "no-such-device";
	long ret;

	if (mdev && !wrong)
		memcpy(name, g->box.uuid, sizeof(name));
	ret = call(g->fd, VFIO_GROUP_GET_DEVICE_FD, name, sizeof(name), form);
	if (ret >= 0) {
		/* one of them is enough */
		if (g->device >= 0)
			close(g->device);
		g->device = ret;
	}
	line(ret < 0 ? -1 : 0, "group %d: open%s%s", number_of(g), wrong ? " no" : "", form_words[form]);
}

static void do_open(void)
{
	struct group *g = any_group();
	bool wrong = !rnd(5);

	open_device(g, wrong, any_form());
}

static void close_device(struct group *g)
{
	long ret = close(g->device);

	g->device = -1;
	line(ret, "group %d: close", number_of(g));
}

static void do_close(void)
{
	close_device(any_group());
}

static void open_group(struct group *g)
{
	__u64 end = now_ns() + opt.timeout * 1000000000ULL;

	/* of a process that has just ended it may be open for a moment */
	while ((g->fd = open(g->path, O_RDWR)) < 0 && errno == EBUSY && now_ns() < end)
		pause_ms(1);
	if (g->fd < 0)
		die("%s", g->path);
}

static void do_reopen(void)
{
	struct group *g = any_group();

	if (rnd(6))
		return;
	if (g->device >= 0)
		close_device(g);
	close(g->fd);
	if (g->in)
		one_less(g);
	open_group(g);
	line(0, "group %d: again", number_of(g));
}

/* So that it is not only about files that nothing can be done with. */
static void do_settle(void)
{
	struct group *g = any_group();
	int i = any_home(g);

	if (g->in && g->in->fd < 0) {
		if (g->device >= 0)
			close_device(g);
		leave(g);
	}
	if (!g->in)
		join(g, i, NATIVE);
	if (g->in && !g->in->driver && g->in->fd >= 0) {
		long ret = ioctl(g->in->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);

		g->in->driver = !ret;
		line(ret, "container: driver, for group %d", number_of(g));
	}
	if (number_of(g) < N_MDEVS && g->device < 0)
		open_device(g, false, NATIVE);
}

/* ---- what a device does --------------------------------------------------------------------------- */

static void do_act(void)
{
	static const char *const words[] = { FDPIN_OP_LIST(FDPIN_WORD) };
	static const __u32 ops[] = { FDPIN_OP_PIN, FDPIN_OP_PIN, FDPIN_OP_UNPIN, FDPIN_OP_DMA_RW, FDPIN_OP_DMA_RW };
	struct fdpin_cmd cmd = { .op = ONE_OF(ops), .ctx = rnd(4) ? FDPIN_CTX_CALLER : rnd(FDPIN_CTX_MAX), .close = rnd(2) ? FDPIN_CLOSE_FLUSH_WORK : FDPIN_CLOSE_NOTHING };
	struct group *g = &groups[rnd(N_MDEVS)];
	__u64 first = rnd(SLOTS * 8), n = 1 + rnd(rnd(4) ? 4 : 12);
	struct fdpin_result res;
	char what[64];

	if (cmd.op == FDPIN_OP_UNPIN && rnd(4))
		first = g->pinned;
	cmd.iova = FIRST + first * PAGE;
	cmd.len = n * PAGE;
	if (cmd.op == FDPIN_OP_DMA_RW) {
		cmd.iova += rnd(PAGE);
		cmd.len -= rnd(PAGE);
		cmd.flags = rnd(2) ? FDPIN_F_WRITE : 0;
		cmd.fill = n_calls;
	}
	snprintf(what, sizeof(what), "group %d: %s page %llu, %llx bytes, by %u", number_of(g), words[cmd.op], (unsigned long long)first,
		 (unsigned long long)cmd.len, cmd.ctx);
	if (g->in && could_sleep(g->in, cmd.iova, cmd.len)) {
		left_out(what);
		return;
	}
	g->box.device = g->device;
	if (box_try_command(&g->box, &cmd)) {
		line(-1, "%s", what);
		return;
	}
	res = box_finish(&g->box);
	if (cmd.op == FDPIN_OP_PIN && res.ret > 0)
		g->pinned = first;
	errno = -res.ret;
	line(res.ret < 0 ? -1 : 0, "%s: %d, %llu, %llx, pinned %u", what, res.ret, (unsigned long long)res.bytes, (unsigned long long)res.first, res.pinned);
}

/* ---- others --------------------------------------------------------------------------------------- */

/* The container's files are kept over it. */
static void do_exec(void)
{
	char *const argv[] = { "true", NULL };
	char *const env[] = { NULL };
	int status = 0;
	pid_t pid;

	errno = posix_spawn(&pid, "/bin/true", NULL, NULL, argv, env);
	if (errno) {
		line(-1, "exec");
		return;
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	line(0, "exec: %x", status);
}

/* Numbers that mean something elsewhere. */
static void do_elsewhere(void)
{
	static const unsigned long calls[] = { VFIO_IOMMU_UNMAP_DMA, VFIO_IOMMU_MAP_DMA, VFIO_GROUP_SET_CONTAINER, VFIO_GROUP_GET_DEVICE_FD, VFIO_DEVICE_GET_INFO };
	struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof(u), .flags = VFIO_DMA_UNMAP_FLAG_VADDR, .iova = FIRST, .size = SLOT };
	struct group *g = any_group();
	int where = rnd(4), i = rnd(N_CONTAINERS);
	int fds[] = { containers[i]->fd, g->fd, g->device, arg_file };
	unsigned long cmd = ONE_OF(calls);

	if ((where == 0 && cmd != VFIO_GROUP_SET_CONTAINER) || (where == 1 && cmd == VFIO_GROUP_SET_CONTAINER))
		return; /* these are at home there */
	line(call(fds[where], cmd, &u, sizeof(u), NATIVE), "call %lx where it is not at home, %d", cmd, where);
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/*
 * All ranges, by calls that say so of themselves: restored, if it was invalid;
 * mapped, if it was not there. Afterwards none is invalid.
 */
static void say_ranges(int i)
{
	char states[SLOTS + 1] = { 0 };
	struct box b = { .container = containers[i]->fd, .size = SLOT };

	if (!containers[i]->driver) {
		say("%u state of container %d: no driver", n_calls, i);
		return;
	}
	for (int s = 0; s < SLOTS; s++) {
		struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof(u), .size = SLOT };

		b.iova = u.iova = FIRST + s * SLOT;
		b.mem = memory[s % 2] + s * SLOT;
		if (!box_try_revalidate(&b)) {
			states[s] = 'i';
		} else if (!box_try_map(&b)) {
			states[s] = '-';
			if (ioctl(b.container, VFIO_IOMMU_UNMAP_DMA, &u))
				die("unmap");
		} else {
			states[s] = errno == EEXIST ? 'k' : '?';
		}
		containers[i]->invalid[s] = false;
	}
	say("%u state of container %d: %s", n_calls, i, states);
}

static void do_look(void)
{
	char state[256];

	for (int i = 0; i < N_CONTAINERS; i++)
		say_ranges(i);
	for (int i = 0; i < n_groups; i++)
		say_group(&groups[i]);
	/* else it is of an open before, which may have been another run's */
	for (int i = 0; i < N_MDEVS; i++) {
		if (groups[i].device < 0)
			continue;
		worker_of(groups[i].box.uuid, state, sizeof(state));
		say("%u state of device %d: %s", n_calls, i, strstr(state, "started=") ? strtok(strstr(state, "started="), "\n") : "?");
	}
	say("%u state: memory %x %x, %d files, %ld kB", n_calls, sum(memory[0], SLOTS * SLOT), sum(memory[1], SLOTS * SLOT), open_files(), locked_kib());
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static void (*const steps[])(void) = {
	do_map, do_map, do_map, do_map, do_map, do_map,
	do_invalidate, do_invalidate, do_invalidate, do_invalidate,
	do_restore, do_restore, do_restore, do_restore, do_restore, do_restore,
	do_unmap, do_unmap, do_unmap_dirty,
	do_act, do_act, do_act, do_act, do_act, do_act, do_act, do_act,
	do_join, do_join, do_leave, do_group_status, do_open, do_open, do_close, do_reopen,
	do_renew, do_set_iommu, do_ask, do_info, do_dirty, do_dirty,
	do_settle, do_settle, do_settle, do_settle, do_settle, do_settle, do_settle, do_settle,
	do_exec, do_elsewhere, do_look,
};

static void make_memory(void)
{
	size_t size = SLOTS * SLOT;

	memory[0] = pages(size / PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file(size));
	memory[1] = pages(size / PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memory[2] = pages(size / PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(memory[0], 1, size);
	memset(memory[1], 2, size);
	arg_file = memory_file(PAGE);
	arg_page = pages(1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_32BIT, arg_file);
	status_file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (status_file < 0)
		die("status");
}

static void open_groups(void)
{
	for (int i = 0; i < N_MDEVS; i++) {
		char link[64];
		ssize_t n;

		groups[i].fd = open_mdev_group(&groups[i].box);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", groups[i].fd);
		n = readlink(link, path_of_mdev[i], sizeof(path_of_mdev[i]) - 1);
		if (n < 0)
			die("%s", link);
		groups[i].path = path_of_mdev[i];
	}
	if (opt.pci)
		groups[n_groups++].path = opt.pci;
	if (opt.other)
		groups[n_groups++].path = opt.other;
	for (int i = 0; i < n_groups; i++) {
		groups[i].device = -1;
		if (i >= N_MDEVS)
			open_group(&groups[i]);
	}
}

static void actor(void)
{
	waits = what_is("waits");
	rnd_state = 0x9e3779b97f4a7c15ULL ^ opt.seed;
	make_memory();
	open_groups();
	for (int i = 0; i < N_CONTAINERS; i++)
		open_container(i);
	for (unsigned int i = 0; i < opt.rounds; i++)
		ONE_OF(steps)();
	do_look();
	say("calls=%u", n_calls);
	say("calls_done=%u", n_done);
	say("calls_failed=%u", n_failed);
	say("calls_left_out=%u", n_left_out);
}

int main(int argc, char **argv)
{
	opt.rounds = 500;
	act_options(argc, argv);
	return act_run(actor, REACH_END);
}
