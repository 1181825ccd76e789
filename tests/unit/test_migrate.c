// SPDX-License-Identifier: GPL-2.0-only
/* test_migrate.c - what is mapped from files, what could be and by which call, and who refuses to be taken over. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../../src/migrate_show.h"

static struct model *model;
static struct migrate got;

/* Frees the tape; model and got stay until the next one. */
static const struct migrate *collect(struct tape *t, __u64 container, enum known change_process)
{
	struct backing_index ix = {};

	free(got.v);
	model_free(model);
	tape_look_end(t);
	model = tape_model(t, TAPE_ALL);
	free(t);
	assert_int_equal(migrate_collect(model, model_find(model, OBJ_CONTAINER, container), change_process, &ix, &got), 0);
	backing_free(&ix);
	return &got;
}

static struct tape *ai(void)
{
	struct tape *t = h_begin();

	h_ai(t);
	return t;
}

static void from_files(void **state)
{
	const struct migrate *g = collect(ai(), AI, KNOWN_YES);

	(void)state;
	assert_int_equal(g->n, 3);
	assert_int_equal(g->pieces[MIGRATE_MAPPED], 3);
	assert_int_equal(g->bytes[MIGRATE_MAPPED], 312 * GIB);
	assert_false(g->v[0].refuses);
	assert_false(g->v[0].call.there);
	assert_int_equal(g->change, CHANGE_YES);
	assert_int_equal(migrate_ready(g), ANSWER_YES);
	g = collect(ai(), AI, NOT_KNOWN);
	assert_int_equal(g->change, CHANGE_NOT_KNOWN);
	assert_int_equal(migrate_ready(g), ANSWER_CANNOT_TELL);
	g = collect(ai(), AI, KNOWN_NO);
	assert_int_equal(g->change, CHANGE_NO_CALL);
	assert_int_equal(migrate_ready(g), ANSWER_NO);
}

static void type1(void **state)
{
	struct tape *t = h_begin();
	const struct migrate *g;

	(void)state;
	h_cad(t);
	g = collect(t, CAD, KNOWN_YES);
	assert_int_equal(g->n, 1);
	assert_int_equal(g->v[0].why, MIGRATE_FILE);
	assert_true(g->v[0].call.there);
	assert_int_equal(g->v[0].call.errnum, 0);
	assert_int_equal(g->v[0].call.flags, 7);
	assert_int_equal(g->v[0].start, 0);
	assert_int_equal(g->v[0].size, 8 * GIB);
	assert_int_equal(g->change, CHANGE_NO_CALL);
	t = h_begin();
	h_erp(t);
	g = collect(t, ERP, KNOWN_YES);
	assert_int_equal(g->pieces[MIGRATE_ANONYMOUS], 2);
	assert_false(g->v[0].call.there);
	assert_int_equal(migrate_ready(g), ANSWER_NO);
}

/* A context with one range of 1 MiB at address 0x5300000000 of a process. */
static struct ev_range *context(struct tape *t, __u32 ranges)
{
	struct ev_range *r = h_range(t, AI, 0x353, 0x53, MIB, MIB);

	r->ioas = 1;
	r->pages = 0xa1;
	r->account = CHARGED_USER;
	r->iova = 0x100000000;
	r->vaddr = 0x5300000000;
	h_container(t, AI, CONTAINER_IOMMUFD, ranges);
	h_mm(t, 0x53, 0, MIB);
	h_process(t, AI_PID, "qemu-system-x86", 0x53, GIB);
	return r;
}

static void reasons(void **state)
{
	static const struct {
		__u32 backing, shared, links;
		const char *path;
		enum migrate_why why;
		bool call;
	} cases[] = {
		{ BACKING_MEMFD, 1, 0, "/memfd:ram", MIGRATE_FILE, true },
		{ BACKING_MEMFD, 0, 0, "/memfd:ram", MIGRATE_PRIVATE, false },
		{ BACKING_SHMEM, 1, 1, "/dev/shm/ram", MIGRATE_FILE, true },
		{ BACKING_SHMEM, 1, 0, "/dev/zero (deleted)", MIGRATE_NAMELESS, false },
		{ BACKING_SHMEM, 1, 0, "/SYSV00000000", MIGRATE_NAMELESS, false },
		{ BACKING_HUGETLB, 1, 1, "/huge/ram", MIGRATE_FILE, true },
		{ BACKING_HUGETLB, 0, 1, "/huge/ram", MIGRATE_PRIVATE, false },
		{ BACKING_FILE, 1, 1, "/var/ram", MIGRATE_OTHER_FILE, true },
		{ BACKING_FILE, 0, 1, "/var/ram", MIGRATE_PRIVATE, false },
		{ BACKING_GUEST_MEMFD, 1, 0, "/guest_memfd", MIGRATE_GUEST_MEMFD, false },
		{ BACKING_DMABUF, 1, 0, "/dmabuf:", MIGRATE_DMABUF, false },
		{ BACKING_MMIO, 1, 1, "/dev/vfio/devices/vfio0", MIGRATE_MMIO, false },
		{ BACKING_ANONYMOUS, 0, 0, "", MIGRATE_ANONYMOUS, false },
		{ BACKING_UNKNOWN, 1, 0, "", MIGRATE_NOT_KNOWN, false },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tape *t = h_begin();
		const struct migrate *g;
		struct ev_memory *e;

		context(t, 1);
		e = h_memory(t, 0xe9, 0x53, 0x5300000000, MIB, cases[i].backing, cases[i].path);
		e->shared = cases[i].shared;
		e->links = cases[i].links;
		g = collect(t, AI, KNOWN_YES);
		assert_int_equal(g->n, 1);
		assert_int_equal(g->v[0].why, cases[i].why);
		assert_int_equal(g->v[0].call.there, cases[i].call);
		assert_int_equal(g->v[0].call.errnum, cases[i].why == MIGRATE_FILE ? 0 : EINVAL);
		assert_true(g->v[0].refuses);
		assert_int_equal(g->change, CHANGE_NO);
		assert_int_equal(migrate_ready(g), ANSWER_NO);
	}
}

static void dma_buf(void **state)
{
	struct tape *t = h_begin();

	(void)state;
	context(t, 1)->source = SOURCE_DMABUF;
	assert_int_equal(collect(t, AI, KNOWN_YES)->v[0].why, MIGRATE_DMABUF);
	assert_int_equal(got.change, CHANGE_NO);
}

/* A range over two mappings and a hole: a call each, and the rest is not known. */
static void several_mappings(void **state)
{
	struct tape *t = h_begin();
	const struct migrate *g;

	(void)state;
	context(t, 1)->prot = 1;
	h_memory(t, 0xe8, 0x53, 0x52fffff000, 0x81000, BACKING_SHMEM, "/dev/shm/a")->offset = 0x3000;
	h_memory(t, 0xe9, 0x53, 0x5300080000, 0x40000, BACKING_HUGETLB, "/huge/b")->offset = 0x200000;
	h_memory(t, 0xea, 0x53, 0x5300100000, 0x40000, BACKING_ANONYMOUS, "");
	g = collect(t, AI, KNOWN_YES);
	assert_int_equal(g->n, 3);
	assert_int_equal(g->v[0].iova, 0x100000000);
	assert_int_equal(g->v[0].size, 0x80000);
	assert_int_equal(g->v[0].start, 0x4000);
	assert_int_equal(g->v[0].call.flags, 5);
	assert_int_equal(g->v[1].iova, 0x100080000);
	assert_int_equal(g->v[1].size, 0x40000);
	assert_int_equal(g->v[1].start, 0x200000);
	assert_int_equal(g->v[2].why, MIGRATE_NOT_KNOWN);
	assert_int_equal(g->v[2].iova, 0x1000c0000);
	assert_int_equal(g->v[2].size, 0x40000);
}

/* What was not read may refuse; what was read and refuses does so whatever there is besides. */
static void not_all_read(void **state)
{
	struct tape *t = h_begin();

	(void)state;
	context(t, 2)->source = SOURCE_FILE;
	assert_int_equal(collect(t, AI, KNOWN_YES)->change, CHANGE_NOT_KNOWN);
	assert_true(got.partial);
	t = h_begin();
	context(t, 2);
	h_memory(t, 0xe9, 0x53, 0x5300000000, MIB, BACKING_ANONYMOUS, "");
	assert_int_equal(collect(t, AI, KNOWN_YES)->change, CHANGE_NO);
	t = h_begin();
	context(t, 1)->source = SOURCE_FILE;
	h_container(t, AI, CONTAINER_IOMMUFD, 1)->unstable = 1;
	assert_int_equal(collect(t, AI, KNOWN_YES)->change, CHANGE_NOT_KNOWN);
}

/* Where the mm pays, it has to be alive; where the user or nobody does, it does not matter. */
static void dead_owner(void **state)
{
	(void)state;
	for (__u32 account = CHARGED_NONE; account <= CHARGED_MM; account++) {
		struct tape *t = h_begin();
		struct ev_range *r = context(t, 1);
		const struct migrate *g;

		r->source = SOURCE_FILE;
		r->account = account;
		h_mm(t, 0x53, 0, MIB)->users = 0;
		g = collect(t, AI, KNOWN_YES);
		assert_int_equal(g->v[0].why, account == CHARGED_MM ? MIGRATE_OWNER_GONE : MIGRATE_MAPPED);
		assert_int_equal(g->change, account == CHARGED_MM ? CHANGE_NO : CHANGE_YES);
		assert_int_equal(g->uncharged, account == CHARGED_NONE);
	}
}

/* ---- descriptors --------------------------------------------------------------------- */

static struct ev_memory memory_of(int fd)
{
	struct ev_memory mem = {};
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	mem.inode = st.st_ino;
	mem.dev = (__u32)major(st.st_dev) << 20 | minor(st.st_dev);
	return mem;
}

static void descriptors(void **state)
{
	int lower = open("/dev/null", O_RDONLY | O_CLOEXEC), fd = memfd_create("migrate", MFD_CLOEXEC);
	struct ev_memory mem = memory_of(fd), other = mem;
	char path[32];
	int read_only;

	(void)state;
	assert_true(lower >= 0 && fd > lower);
	assert_int_equal(migrate_fd_find(getpid(), &mem, true), fd);
	assert_int_equal(migrate_fd_find(getpid(), &mem, false), fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read_only >= 0);
	assert_int_equal(dup2(read_only, lower), lower);
	assert_int_equal(migrate_fd_find(getpid(), &mem, false), lower);
	assert_int_equal(migrate_fd_find(getpid(), &mem, true), fd);
	close(lower);
	lower = open(path, O_PATH | O_CLOEXEC);
	assert_true(lower >= 0 && lower < fd);
	assert_int_equal(migrate_fd_find(getpid(), &mem, false), fd);
	other.dev++;
	assert_int_equal(migrate_fd_find(getpid(), &other, false), -1);
	other = mem;
	other.inode = 0;
	assert_int_equal(migrate_fd_find(getpid(), &other, false), -1);
	close(lower);
	close(read_only);
	close(fd);
	assert_int_equal(migrate_fd_find(getpid(), &mem, false), -1);
}

/* ---- text, JSON, one line -------------------------------------------------------------- */

typedef void (*show_fn)(struct output *o, const struct view *v, const struct migrate_host *h, const struct migrate_list *list);

static void line(struct output *o, const struct view *v, const struct migrate_host *h, const struct migrate_list *list)
{
	(void)h;
	migrate_check(o, v, list);
}

static void document(struct output *o, const struct view *v, const struct migrate_host *h, const struct migrate_list *list)
{
	assert_int_equal(migrate_json(o, v, h, list), 0);
}

/* Of the one container in got, or of none. */
static char *show(show_fn fn, enum known host, size_t n, const struct filter *filter)
{
	static const enum check_id ids[] = { CHECK_iommufd, CHECK_map_file, CHECK_change_process, CHECK_accounting };
	struct migrate_host h = { .cdev = host };
	struct migrate_list list = { &got, n };
	struct view v = { .kind = VIEW_STATUS, .model = model, .filter = filter };
	struct output o = { .width = 80, .utf8 = true };
	char *text = NULL;
	size_t size;

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		h.doctor.checks[ids[i]].answer = host;
		strcpy(h.doctor.checks[ids[i]].why, "as \033[31m was seen");
	}
	o.f = open_memstream(&text, &size);
	fn(&o, &v, &h, &list);
	fclose(o.f);
	return text;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fprintf(stderr, "missing: %s in:\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

static void text(void **state)
{
	_cleanup_free_ char *all = NULL, *erp = NULL, *files = NULL;
	struct tape *t = h_begin();

	(void)state;
	h_erp(t);
	collect(t, ERP, KNOWN_YES);
	erp = show(migrate_text, KNOWN_NO, 1, NULL);
	has(erp, "can follow the advice below: no\n");
	has(erp, "there is iommufd: no (as \\x1b[31m was seen)\n");
	has(erp, "VM erp1, PID 20510, vfio-77f0 (type1), 2 maps, 32G: 2 obstacles\n");
	has(erp, "  1  anonymous memory: no file is behind it (2 of 2 maps, 32G)\n");
	has(erp, "       libvirt    <memoryBacking><source type='memfd'/>");
	has(erp, "  2  it is no context of iommufd");
	has(erp, "  CHANGE_PROCESS  there is no such call for this container\n");
	assert_null(strstr(erp, "IOMMU_IOAS_MAP_FILE fd"));

	t = h_begin();
	context(t, 1);
	h_memory(t, 0xe9, 0x53, 0x5300000000, MIB, BACKING_MEMFD, "/memfd:ram");
	collect(t, AI, KNOWN_YES);
	all = show(migrate_text, KNOWN_YES, 1, NULL);
	has(all, "can follow the advice below: yes\n");
	has(all, "would fail now with EINVAL, because of each map marked !\n");
	has(all, "  ! 0x100000000   1M in ioas 1: has a file that it could be mapped from\n");
	has(all, "fd cannot be told");
	free(all);
	got.v[0].call.tgid = AI_PID;
	got.v[0].call.fd = 12;
	all = show(migrate_text, KNOWN_YES, 1, NULL);
	has(all, "IOMMU_IOAS_MAP_FILE fd 12 of PID 31002, start 0x0, length");

	collect(ai(), AI, KNOWN_YES);
	files = show(migrate_text, KNOWN_YES, 1, NULL);
	has(files, "iommufd-91d0 (iommufd), 3 maps, 312G: no obstacle\n");
	has(files, "would succeed now, if RLIMIT_MEMLOCK of who calls it suffices\n");
	for (const char *p = erp; *p; p++)
		assert_true(strcspn(p, "\n") <= 80);
}

static void words(void **state)
{
	const struct filter nobody = { .vm = "none" };
	_cleanup_free_ char *yes = NULL, *no = NULL, *unknown = NULL, *nothing = NULL, *json = NULL;
	struct tape *t = h_begin();

	(void)state;
	h_cad(t);
	collect(t, CAD, KNOWN_YES);
	no = show(line, KNOWN_YES, 1, NULL);
	assert_string_equal(no, "WARNING not all is mapped from files by iommufd: vfio-0be4\n");
	json = show(document, KNOWN_YES, 1, NULL);
	has(json, "\"why\":\"has-file\"");
	has(json, "\"change_process\":\"no-call\"");
	has(json, "\"call\":{\"ioctl\":\"IOMMU_IOAS_MAP_FILE\",\"flags\":\"0x7\",\"tgid\":null,\"fd\":null,\"start\":0,\"length\":8589934592,");
	collect(ai(), AI, KNOWN_YES);
	yes = show(line, KNOWN_YES, 1, NULL);
	assert_string_equal(yes, "OK all that is mapped is mapped from files, and could be taken over\n");
	nothing = show(line, KNOWN_YES, 0, NULL);
	assert_string_equal(nothing, "OK no container\n");
	unknown = show(line, KNOWN_YES, 0, &nobody);
	assert_true(!strncmp(unknown, "UNKNOWN ", 8));
}

static int clean(void **state)
{
	(void)state;
	free(got.v);
	model_free(model);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_files),	    cmocka_unit_test(type1),	   cmocka_unit_test(reasons),	  cmocka_unit_test(dma_buf),
		cmocka_unit_test(several_mappings), cmocka_unit_test(not_all_read), cmocka_unit_test(dead_owner), cmocka_unit_test(descriptors),
		cmocka_unit_test(text),		    cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
