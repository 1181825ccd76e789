// SPDX-License-Identifier: GPL-2.0-only
/* test_filter.c - which containers a filter lets through, when that cannot be told, and what it does to verdicts and JSON. */
#include "host.h"

static struct tape *whole_host(void)
{
	struct tape *t = h_begin();

	h_erp(t);
	h_cad(t);
	h_ai(t);
	return t;
}

/* "erp cad?": what is let through; with ? what it cannot be told of. */
static const char *lets(struct tape *t, const struct filter *f)
{
	static const struct {
		__u64 id;
		const char *name;
	} all[] = { { ERP, "erp" }, { CAD, "cad" }, { AI, "ai" } };
	static char text[64];
	struct model *m;

	if (t->look)
		tape_look_end(t);
	m = tape_model(t, TAPE_ALL);
	*text = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct obj *c = model_find(m, OBJ_CONTAINER, all[i].id);
		enum answer a = c ? filter_container(f, m, c) : ANSWER_NO;

		if (a != ANSWER_NO)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s", *text ? " " : "", all[i].name,
				 a == ANSWER_YES ? "" : "?");
	}
	model_free(m);
	free(t);
	return text;
}

static const char *pid(__u32 tgid)
{
	struct filter f = { .tgids = { .v = &tgid, .n = 1 } };

	return lets(whole_host(), &f);
}

#define LETS(...) lets(whole_host(), &(struct filter){ __VA_ARGS__ })

static void each(void **state)
{
	(void)state;
	assert_string_equal(lets(whole_host(), NULL), "erp cad ai");
	assert_false(filter_set(NULL));
	assert_false(filter_set(&(struct filter){}));
	assert_string_equal(LETS(.container = 0x0be4, .container_bits = 16), "cad");
	assert_string_equal(LETS(.container = 0x0be5, .container_bits = 16), "");
	assert_string_equal(pid(ERP_PID), "erp");
	assert_string_equal(pid(1), "");
	assert_string_equal(LETS(.vm = "ai03"), "ai");
	assert_string_equal(LETS(.vm = "ai0"), "");
	assert_string_equal(LETS(.vm = "ai033"), "");
	/* all that is asked for, of one process */
	assert_string_equal(LETS(.vm = "ai03", .device = "vfio0"), "ai");
	assert_string_equal(LETS(.vm = "cad2", .device = "vfio0"), "");
	assert_string_equal(LETS(.vm = "cad2", .container = ERP, .container_bits = 16), "");
}

static void devices(void **state)
{
	(void)state;
	assert_string_equal(LETS(.device = "0000:65:00.0"), "erp");
	assert_string_equal(LETS(.device = "65:00.0"), "erp");
	assert_string_equal(LETS(.device = "65:00"), "");
	assert_string_equal(LETS(.device = "0000:C1:00.0"), "ai");
	assert_string_equal(LETS(.device = "vfio1"), "ai");
	assert_string_equal(LETS(.device = "vfio"), "");
	assert_string_equal(LETS(.device = "83b8f4f2"), "cad");
	assert_string_equal(LETS(.device = "83b8f4f"), "");
	assert_string_equal(LETS(.device = "83B8F4F2-509F-382f-3c1e-e6bfe0fa1001"), "cad");
	assert_string_equal(LETS(.device = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"), "");
	assert_string_equal(LETS(.device = ""), "");
}

static void cgroups(void **state)
{
	(void)state;
	assert_string_equal(LETS(.cgroup = "/machine.slice"), "erp cad ai");
	assert_string_equal(LETS(.cgroup = "/sys/fs/cgroup/machine.slice/"), "erp cad ai");
	assert_string_equal(LETS(.cgroup = "/"), "erp cad ai");
	assert_string_equal(LETS(.cgroup = "/machine"), "");
	/* as it is called, and as we print it */
	assert_string_equal(LETS(.cgroup = "/machine.slice/machine-qemu\\x2d1\\x2dcad2.scope"), "cad");
	assert_string_equal(LETS(.cgroup = "/machine.slice/machine-qemu\\\\x2d1\\\\x2dcad2.scope"), "cad");
	assert_string_equal(LETS(.cgroup = "/machine.slice/machine-qemu\\x2d1\\x2dcad2.scope/vcpu0"), "");
}

/* Who has to do with it besides who holds it. */
static void owners(void **state)
{
	struct tape *t = h_begin();
	__u32 tgid = 777;
	struct filter f = { .tgids = { .v = &tgid, .n = 1 } };

	(void)state;
	/* its memory is mapped, another holds the file */
	h_cad(t);
	h_process(t, 777, "other", 0x52, 0);
	assert_string_equal(lets(t, &f), "cad");
	/* a thread of it is blocked on it */
	t = whole_host();
	tape_as(t, 777, 778, "worker");
	tape_block(t, ERP, CLASS_USER, 0, 0);
	assert_string_equal(lets(t, &f), "erp");
	/* it uses the table of files of the holder */
	t = whole_host();
	tape_as(t, 777, 777, "other");
	tape_thread(t, 0xf000 + CAD_PID, 1, WAIT_NONE, CLASS_USER);
	assert_string_equal(lets(t, &f), "cad");
	/* it will release it */
	t = whole_host();
	tape_as(t, 777, 777, "other");
	tape_pending(t, CAD);
	assert_string_equal(lets(t, &f), "cad");
	/* it is there and has nothing */
	t = whole_host();
	h_process(t, 777, "other", 0x59, 0);
	assert_string_equal(lets(t, &f), "");
}

static void undecided(void **state)
{
	struct tape *t = h_begin();
	struct ev_program *p;
	__u32 tgid = 777;

	(void)state;
	/* nobody is known to have it */
	h_erp(t);
	h_container(t, CAD, CONTAINER_TYPE1, 0);
	assert_string_equal(lets(t, &(struct filter){ .vm = "erp1" }), "erp cad?");
	t = h_begin();
	h_container(t, CAD, CONTAINER_TYPE1, 0);
	assert_string_equal(lets(t, &(struct filter){ .tgids = { .v = &tgid, .n = 1 } }), "cad?");
	/* who has it is known, but not what that is */
	t = h_begin();
	h_cad(t);
	h_program(t, CAD_PID, "cad2")->known = 0;
	assert_string_equal(lets(t, &(struct filter){ .vm = "erp1" }), "cad?");
	/* a name that was cut */
	t = h_begin();
	h_cad(t);
	p = h_program(t, CAD_PID, "cad2");
	memset(p->cgroup, 'a', sizeof(p->cgroup));
	assert_string_equal(lets(t, &(struct filter){ .cgroup = "/b" }), "cad?");
	/* what waits is a kernel thread: of no machine */
	t = h_begin();
	h_cad(t);
	tape_as(t, 412, 412, "kworker/0:1");
	tape_block(t, CAD, CLASS_WORKER, 0, 0);
	assert_string_equal(lets(t, &(struct filter){ .vm = "erp1" }), "");
	/* a device without a name */
	t = h_begin();
	h_cad(t);
	memset(h_device(t, CAD, 0xd2, "83b8f4f2-")->device_name, 0, 40);
	assert_string_equal(lets(t, &(struct filter){ .device = "vfio7" }), "cad?");
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fprintf(stderr, "missing:\n%s\nin:\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

/* In text, in JSON, in what sums up. */
static void everywhere(void **state)
{
	struct filter cad = { .vm = "cad2" }, none = { .vm = "none" };
	struct tape *t = whole_host();
	_cleanup_free_ char *text = NULL, *json = NULL, *empty = NULL, *blocked = NULL, *doubt = NULL, *doubted = NULL;

	(void)state;
	text = h_text(t, (struct view){ .filter = &cad });
	has(text, "  1 container, read once\n");
	has(text, "\n20733 cad2  exempt");
	has(text, "OK  no invalidated range, no blocked thread, no accounting drift in what was asked for\n");
	assert_null(strstr(text, "20510"));
	assert_null(strstr(text, "uid 107"));
	json = h_show(whole_host(), (struct view){ .filter = &cad }, &format_json, 80, false);
	has(json, "\"id\":\"vfio-0be4\"");
	has(json, "\"tgid\":20733");
	assert_null(strstr(json, "vfio-77f0"));
	assert_null(strstr(json, "20510"));
	empty = h_text(whole_host(), (struct view){ .filter = &none });
	has(empty, "UNKNOWN  no container is what was asked for\n");
	assert_null(strstr(empty, "Nothing is open"));
	/* a thread blocked on another one */
	t = whole_host();
	tape_as(t, 412, 412, "kworker/0:1");
	tape_block(t, ERP, CLASS_WORKER, 0x11, 0x21);
	blocked = h_text(t, (struct view){ .filter = &cad });
	assert_null(strstr(blocked, "STALL"));
	assert_null(strstr(blocked, "kworker"));
	/* one that could be it: no OK */
	t = whole_host();
	h_container(t, 0x9999, CONTAINER_TYPE1, 0);
	doubt = h_text(t, (struct view){ .filter = &cad });
	has(doubt, "Not certain  vfio-9999 could be what was asked for");
	has(doubt, "\nUNKNOWN  ");
	t = whole_host();
	h_container(t, 0x9999, CONTAINER_TYPE1, 0);
	doubted = h_show(t, (struct view){ .filter = &cad }, &format_json, 80, false);
	has(doubted, "\"undecided\":[\"vfio-9999\"]");
	has(json, "\"undecided\":[]");
}

/* A counter below zero is of an address space, and a finding about that one: of others nothing is told. */
static void counters(void **state)
{
	static const struct {
		const char *vm;
		bool drift;
	} cases[] = { { "erp1", true }, { "cad2", false }, { NULL, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct filter f = { .vm = cases[i].vm };
		_cleanup_free_ char *text = NULL, *json = NULL;

		for (int format = 0; format <= 1; format++) {
			struct tape *t = h_begin();

			h_erp(t);
			h_mm(t, 0x51, -1 * (__s64)MIB, 0);
			h_cad(t);
			if (format)
				json = h_show(t, (struct view){ .filter = &f }, &format_json, 80, false);
			else
				text = h_text(t, (struct view){ .filter = &f });
		}
		if (cases[i].drift != !!strstr(text, "DRIFT"))
			fprintf(stderr, "%s: %s", cases[i].vm ?: "all", text);
		assert_true(cases[i].drift == !!strstr(text, "DRIFT"));
		assert_true(cases[i].drift == !!strstr(text, "\nWARNING  "));
		assert_true(cases[i].drift == !!strstr(json, "underflow"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),	  cmocka_unit_test(devices),   cmocka_unit_test(cgroups),
		cmocka_unit_test(owners), cmocka_unit_test(undecided), cmocka_unit_test(everywhere),
		cmocka_unit_test(counters),
	};

	setlocale(LC_ALL, "C.UTF-8");
	setlocale(LC_NUMERIC, "C");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
