// SPDX-License-Identifier: GPL-2.0-only
/* test_render_status.c - what status prints of a made-up host: every line of it, and what it does with what is unknown, hostile or much. */
#include "host.h"

#include <errno.h>
#include <json-c/json.h>

#include "opts.h"

static struct tape *whole_host(void)
{
	struct tape *t = h_begin();

	h_erp(t);
	h_cad(t);
	h_ai(t);
	return t;
}

static unsigned int widest(const char *s)
{
	size_t most = 0;

	for (const char *line = s; *line; line += strcspn(line, "\n") + 1) {
		_cleanup_free_ char *copy = strndup(line, strcspn(line, "\n"));

		if (text_width(copy) > most)
			most = text_width(copy);
		if (!line[strcspn(line, "\n")])
			break;
	}
	return most;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fprintf(stderr, "missing:\n%s\nin:\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fprintf(stderr, "not wanted:\n%s\nin:\n%s\n", part, text);
	assert_null(strstr(text, part));
}

/* The table of containers with these columns and nothing else. Frees the tape. */
static char *table(struct tape *t, const char *columns, bool raw)
{
	struct view v = { .table = { .noheadings = true, .raw = raw } };
	char *bad = NULL;

	assert_int_equal(columns_parse(columns, &v.table, &bad), 0);
	return h_text(t, v);
}

static void whole(void **state)
{
	_cleanup_free_ char *text = h_text(whole_host(), (struct view){});

	(void)state;
	assert_string_equal(text,
			    "node  Linux 6.1.0-test  1970-01-01T00:00:00Z  3 containers, read once\n"
			    "\n"
			    "ID           TYPE       PID VM   DEVICES                     MAPS SIZE FILE INVAL STATE\n"
			    "vfio-77f0    type1    20510 erp1 0000:65:00.0                   2  32G   0%     - ok\n"
			    "vfio-0be4    type1    20733 cad2 mdev 83b8f4f2                  1   8G 100%     - ok\n"
			    "iommufd-91d0 ioas 1   31002 ai03 0000:c1:00.0? 0000:c2:00.0?    2 256G 100%     - ok\n"
			    "iommufd-91d0 compat 2 31002 ai03 -                              1  56G 100%     - ok\n"
			    "\n"
			    "    PID VM   MEMLOCK LOCKED_VM PINNED_VM PINNED CHARGED TO\n"
			    "  20510 erp1     33G       32G         -    32G mm->locked_vm\n"
			    "  20733 cad2  exempt       52M         -    52M mm->locked_vm\n"
			    "  31002 ai03     inf         -      256G   256G user->locked_vm, mm->pinned_vm\n"
			    "uid 107 -          -      256G         -      - -\n"
			    "\n"
			    "OK  no invalidated range, no blocked thread, no accounting drift\n");
}

/* What a screen of 80 shows has 80 columns, however long the names. */
static void on_a_terminal(void **state)
{
	struct view v = {};
	_cleanup_free_ char *text = h_show(whole_host(), v, &format_text, 80, true), *two = NULL, *named = NULL;
	struct tape *t = h_begin();

	(void)state;
	assert_in_range(widest(text), 40, 80);
	h_erp(t);
	h_cad(t);
	two = h_text(t, v);
	assert_in_range(widest(two), 40, 80);
	t = tape_new();
	TAPE_STR(tape_session(t, false)->release, "6.12.117+deb12-some-flavour-amd64");
	tape_look_begin(t, 1);
	named = h_text(t, v);
	assert_in_range(widest(named), 40, 80);
	has(named, "amd64  1970-01-01T00:00:00Z\n0 containers, read once\n\n");
}

/* The same, told in another order. */
static void order(void **state)
{
	_cleanup_free_ char *one = h_text(whole_host(), (struct view){ .details = true }), *other = NULL;
	struct tape *t = h_begin();

	(void)state;
	h_ai(t);
	h_erp(t);
	h_cad(t);
	other = h_text(t, (struct view){ .details = true });
	assert_string_equal(one, other);
}

static void nothing(void **state)
{
	_cleanup_free_ char *text = h_text(h_begin(), (struct view){}), *blind = NULL;
	struct tape *t = h_begin();

	(void)state;
	has(text, "Nothing is open");
	has(text, "OK  ");
	tape_gap(t, "file tables", "no rights", false);
	blind = h_text(t, (struct view){});
	has_not(blind, "Nothing is open");
	has(blind, "UNKNOWN  ");
}

/* Each thing that is not known is a ?, and no number. */
static void unknown(void **state)
{
	struct tape *t = h_begin();
	_cleanup_free_ char *text = NULL, *torn = NULL, *old = NULL;

	(void)state;
	h_holder(t, CAD, CAD_PID, "qemu", 21);
	h_range(t, CAD, 0x203, 0x52, 8 * GIB, 0)->pinned = -1;
	h_container(t, CAD, CONTAINER_TYPE1, 1);
	text = table(t, "TYPE,VM,DEVICES,SIZE,FILE,PINNED,EXE,POD", true);
	assert_string_equal(text, "type1 ? - 8G ? ? ? ?\n");
	/* not all ranges that the kernel has were read; it changed meanwhile */
	t = h_begin();
	h_cad(t);
	h_container(t, CAD, CONTAINER_TYPE1, 7);
	h_container(t, ERP, CONTAINER_TYPE1, 0)->unstable = 1;
	torn = table(t, "ID,MAPS,SIZE,FILE,PINNED,ACCOUNT,IOVA,STATE", true);
	has(torn, "vfio-0be4 7 ? ? ? mm,? ? ok\n");
	has(torn, "vfio-77f0 0 ? ? ? ? ? unstable\n");
	/* a version that did not look */
	t = h_begin();
	h_range(t, CAD, 0x203, 0, 8 * GIB, 0)->account = 0;
	h_container(t, CAD, CONTAINER_NONE, 1)->iommu = 1;
	old = table(t, "TYPE,PID,SIZE,PINNED,CHARGED,ACCOUNT,ENTRIES_LEFT", true);
	assert_string_equal(old, "type1 - 8G ? ? ? ?\n");
}

static void columns(void **state)
{
	_cleanup_free_ char *more = table(whole_host(), "+comm,HOLDERS", false), *raw = NULL, *bytes = NULL, *bad = NULL;
	struct table_style style = {}, before;

	(void)state;
	has(more, "- ok    qemu-system-x86     1/1\n");
	has(more, "- ok    qemu-system-x86     1/5\n");
	raw = table(whole_host(), "ID,TYPE,DEVICES,CGROUP", true);
	has(raw, "vfio-0be4 type1 mdev\\x2083b8f4f2 /machine.slice/machine-qemu\\x5cx2d1\\x5cx2dcad2.scope\n");
	has(raw, "iommufd-91d0 compat\\x202 - ");
	bytes = h_text(whole_host(), (struct view){ .bytes = true });
	has(bytes, " 34359738368 ");
	has_not(bytes, "32G");
	before = style;
	assert_int_equal(columns_parse("ID,nonsense,PID", &style, &bad), -EINVAL);
	assert_string_equal(bad, "nonsense");
	assert_memory_equal(&style, &before, sizeof(style));
	free(TAKE_PTR(bad));
	assert_int_equal(columns_parse("", &style, &bad), -EINVAL);
	free(TAKE_PTR(bad));
	assert_int_equal(columns_parse("ID,", &style, &bad), -EINVAL);
}

/* Names that somebody chose to do harm with. */
static void hostile(void **state)
{
	static const char evil[] = "a\n\033[2J\x80\xff\xe2\x80\xae b\\";
	struct tape *t = h_begin();
	struct ev_program *p;
	struct ev_device *d;
	_cleanup_free_ char *text = NULL, *raw = NULL;

	(void)state;
	for (int round = 0; round < 2; round++) {
		t = round ? h_begin() : t;
		h_cad(t);
		d = h_device(t, CAD, 0xd2, evil);
		TAPE_STR(d->vfio_name, evil);
		h_process(t, CAD_PID, evil, 0x52, 4096);
		h_holder(t, CAD, CAD_PID, evil, 21);
		p = h_program(t, CAD_PID, "");
		memset(p->vm, '\033', sizeof(p->vm)); /* no end */
		memset(p->cgroup, '\n', sizeof(p->cgroup));
		TAPE_STR(p->pod, evil);
		h_memory(t, 0xe3, 0x52, 3ULL << 40, 8 * GIB, BACKING_MEMFD, evil);
		if (round)
			raw = table(t, "ID,DEVICES,COMM,VM,CGROUP,POD,EXE", true);
		else
			text = h_text(t, (struct view){ .details = true });
	}
	for (const char *s = text; *s; s++)
		assert_true((unsigned char)*s >= ' ' || *s == '\n');
	for (const char *s = text; (s = strpbrk(s, "\x80\xff\xe2")); s++)
		fail_msg("a byte above 0x7f: %.20s", s);
	has(text, "a\\x0a\\x1b[2J\\x80\\xff\\xe2\\x80\\xae b\\\\");
	assert_ptr_equal(strchr(raw, '\n'), raw + strlen(raw) - 1);
	for (const char *s = raw; s[1]; s++)
		assert_true(*s >= ' ' && *s < 0x7f);
	has(raw, " a\\x0a\\x1b[2J\\x80\\xff\\xe2\\x80\\xae\\x20b\\x5c ");
}

static void details(void **state)
{
	_cleanup_free_ char *text = h_text(whole_host(), (struct view){ .details = true });

	(void)state;
	has(text, "\nvfio-0be4  type1, 1 range, 1 group\n"
		  "  Held by    qemu-system-x86 [20733], fd 21; /usr/bin/qemu-system-x86_64; cgroup\n"
		  "             /machine.slice/machine-qemu\\\\x2d1\\\\x2dcad2.scope; VM cad2; uid 107,\n"
		  "             RLIMIT_MEMLOCK 0, hard 0, of which CAP_IPC_LOCK exempts it\n"
		  "  Device     83b8f4f2-509f-382f-3c1e-e6bfe0fa1001, mdev, IOMMU group 210, open 1\n"
		  "             time\n"
		  "  Pinned     13312 pages by the mediated device\n"
		  "  Entries    65534 of 65535 ranges can still be mapped\n"
		  "         IOVA SIZE          VADDR PROT VALID PINNED BACKING FILE AND OFFSET\n"
		  "0x30000000000   8G  0x30000000000 rw   yes      52M memfd   memfd:ram+0x0\n");
	has(text, "\niommufd-91d0  iommufd, 3 ranges, 2 ioases\n");
	has(text, "   2 0x60000000000  56G     - rw   yes      56G hugetlbfs 1G /ai03+0x0 (deleted)\n");
	has(text, "0x10000000000  30G  0x10000000000 rw   yes      30G anonymous -\n");
}

static void remarks(void **state)
{
	struct tape *t = h_begin();
	struct ev_container *c;
	_cleanup_free_ char *text = NULL, *calm = h_text(whole_host(), (struct view){});

	(void)state;
	has_not(calm, "In no table");
	has_not(calm, "Entries low");
	h_cad(t);
	c = h_container(t, CAD, CONTAINER_TYPE1, 1);
	c->refs = 3;
	h_erp(t);
	c = h_container(t, ERP, CONTAINER_TYPE1, 65000);
	c->has_file = 0;
	c->kref = 2;
	c->avail = 535;
	h_container(t, 0x9999, CONTAINER_TYPE1, 0)->has_file = 0;
	text = h_text(t, (struct view){});
	has(text, "In no table  2 of 3 references to the file of vfio-0be4: in flight in a socket,");
	has(text, "In no table  the file of vfio-77f0 is in no table of files, and no thread was");
	has(text, "Entries low  vfio-77f0: 535 of 65535 ranges can still be mapped");
	has(text, "In no table  the file of vfio-9999 is in no table");
	assert_in_range(widest(text), 40, 80);
}

/* An address space that only its ranges keep; a counter that has wrapped; a user nobody is charged to. */
static void counters(void **state)
{
	struct tape *t = h_begin();
	_cleanup_free_ char *text = NULL;

	(void)state;
	h_erp(t);
	h_mm(t, 0x51, -(__s64)(32 * GIB), 0);
	h_range(t, ERP, 0x103, 0x59, GIB, GIB)->mapped = 1;
	h_mm(t, 0x59, GIB, 0);
	h_user(t, MIB);
	h_container(t, ERP, CONTAINER_TYPE1, 3);
	text = h_text(t, (struct view){});
	has(text, "20510 erp1     33G      -32G         -    32G mm->locked_vm\n"
		  "    - ?          -        1G         -     1G mm->locked_vm\n"
		  "\n");
}

static struct json_object *document(bool pretty)
{
	struct tape *t = whole_host();
	_cleanup_free_ char *text = NULL;
	struct json_object *doc;

	h_memory(t, 0xe3, 0x52, 3ULL << 40, 8 * GIB, BACKING_MEMFD, "a\"b\\c\n\xc3\xbc")->inode = 77;
	globals.json = pretty ? JSON_PRETTY : JSON_SHORT;
	text = h_show(t, (struct view){}, &format_json, 80, false);
	globals.json = JSON_OFF;
	assert_true(pretty == !!strstr(text, "\n  \"containers\""));
	doc = json_tokener_parse(text);
	assert_non_null(doc);
	return doc;
}

/* Ranges are put together by hand: read by the library they are what they should be, also where lines are for people. */
static void ranges(void **state)
{
	struct json_object *doc = document(false), *pretty = document(true), *containers, *list, *range, *mem;
	size_t n = 0;

	(void)state;
	assert_true(json_object_equal(doc, pretty));
	json_object_put(pretty);
	assert_true(json_object_object_get_ex(doc, "containers", &containers));
	for (size_t i = 0; i < json_object_array_length(containers); i++) {
		list = json_object_object_get(json_object_array_get_idx(containers, i), "ranges");
		for (size_t k = 0; k < json_object_array_length(list); k++) {
			range = json_object_array_get_idx(list, k);
			assert_int_equal(json_object_object_length(range), 14);
			mem = json_object_object_get(range, "backing");
			if (!mem || json_object_get_int64(json_object_object_get(mem, "inode")) != 77)
				continue;
			assert_int_equal(json_object_object_length(mem), 8);
			assert_string_equal(json_object_get_string(json_object_object_get(mem, "path")), "a\"b\\\\c\\x0a\xc3\xbc");
			assert_string_equal(json_object_get_string(json_object_object_get(mem, "kind")), "memfd");
			assert_string_equal(json_object_get_string(json_object_object_get(range, "vaddr")), "0x30000000000");
			n++;
		}
	}
	assert_int_equal(n, 1);
	json_object_put(doc);
}

/* The first process of the first address space. */
static struct json_object *first_process(struct json_object *doc)
{
	struct json_object *mm = json_object_array_get_idx(json_object_object_get(doc, "mms"), 0);

	return json_object_array_get_idx(json_object_object_get(mm, "processes"), 0);
}

/* Of a process that only an exec has told of there is its name; that record has something else where the limits would be. */
static void after_an_exec(void **state)
{
	static const char *const limits[] = { "uid", "memlock_soft", "memlock_hard", "cap_ipc_lock" };
	struct json_object *process, *value, *doc;
	_cleanup_free_ char *text = NULL;
	struct ev_exec *e;
	struct tape *t;

	(void)state;
	t = h_begin();
	tape_look_end(t);
	tape_as(t, ERP_PID, ERP_PID, "qemu-system-x86");
	e = tape_add(t, EV_exec, 0);
	e->mm = 0x51;
	e->old_mm = 0x50;
	e->locked_vm = 8388608;
	TAPE_STR(e->file, "/usr/bin/qemu-system-x86_64");
	tape_look_begin(t, 2);
	h_range(t, ERP, 0x101, 0x51, 30 * GIB, 30 * GIB);
	h_container(t, ERP, CONTAINER_TYPE1, 1);
	h_mm(t, 0x51, 30 * GIB, 0);
	text = h_show(t, (struct view){}, &format_json, 80, false);
	doc = json_tokener_parse(text);
	process = first_process(doc);
	assert_int_equal(json_object_get_int(json_object_object_get(process, "tgid")), ERP_PID);
	assert_string_equal(json_object_get_string(json_object_object_get(process, "comm")), "qemu-system-x86");
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		assert_true(json_object_object_get_ex(process, limits[i], &value));
		assert_null(value);
	}
	json_object_put(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),   cmocka_unit_test(on_a_terminal), cmocka_unit_test(order),
		cmocka_unit_test(nothing), cmocka_unit_test(unknown),	    cmocka_unit_test(columns),
		cmocka_unit_test(hostile), cmocka_unit_test(details),	    cmocka_unit_test(remarks),
		cmocka_unit_test(counters), cmocka_unit_test(ranges), cmocka_unit_test(after_an_exec),
	};

	setlocale(LC_ALL, "C.UTF-8");
	setlocale(LC_NUMERIC, "C");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
