// SPDX-License-Identifier: GPL-2.0-only
/* test_program.c - who a process is, from control groups as they come in the field, and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "program.h"

#define ID "8c3f1a5b0d2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8"

static struct ev_program of_cgroup(const char *path)
{
	struct ev_program e = {};

	strncpy(e.cgroup, path, sizeof(e.cgroup));
	program_names(&e);
	return e;
}

static void check(const char *field, size_t size, const char *expected)
{
	assert_int_equal(strnlen(field, size), strlen(expected));
	assert_memory_equal(field, expected, strlen(expected));
}

#define CHECK(field, expected) check(field, sizeof(field), expected)

static void machines(void **state)
{
	struct ev_program e = of_cgroup("/machine.slice/machine-qemu\\x2d12\\x2ddb\\x2d01.scope/libvirt/emulator");

	(void)state;
	CHECK(e.vm, "db-01");
	e = of_cgroup("/machine.slice/machine-win7.scope");
	CHECK(e.vm, "win7");
	/* a machine whose own name only begins like libvirt's */
	e = of_cgroup("/machine.slice/machine-qemu\\x2dtest.scope");
	CHECK(e.vm, "qemu-test");
	e = of_cgroup("/machine.slice/machine-.scope");
	CHECK(e.vm, "");
	e = of_cgroup("/user.slice/user-0.slice/session-1.scope");
	CHECK(e.vm, "");
}

static void group(const char *path, size_t want)
{
	struct ev_program e = of_cgroup(path);

	assert_int_equal(program_machine_group(&e), want);
}

static void machine_groups(void **state)
{
	char path[300];

	(void)state;
	group("/machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt/emulator", 44);
	group("/machine.slice/machine-qemu\\x2d1\\x2ddb.scope", 44);
	group("/user.slice/session-1.scope", 0);
	group("", 0);
	memset(path, 'x', sizeof(path));
	memcpy(path, "/", 1);
	memcpy(path + 250, "/machine-cut-off.scope", 23);
	group(path, 0);
}

static void pods(void **state)
{
	struct ev_program e = of_cgroup("/kubepods.slice/kubepods-burstable.slice/"
					"kubepods-burstable-pod12345678_90ab_cdef_1234_567890abcdef.slice/"
					"cri-containerd-" ID ".scope");

	(void)state;
	CHECK(e.pod, "12345678-90ab-cdef-1234-567890abcdef");
	CHECK(e.box, ID);
	e = of_cgroup("/kubepods/besteffort/pod12345678-90ab-cdef-1234-567890abcdef/" ID);
	CHECK(e.pod, "12345678-90ab-cdef-1234-567890abcdef");
	CHECK(e.box, ID);
	e = of_cgroup("/system.slice/docker-" ID ".scope");
	CHECK(e.pod, "");
	CHECK(e.box, ID);
	e = of_cgroup("/kubepods/besteffort/podman");
	CHECK(e.pod, "");
}

static void hierarchies(void **state)
{
	struct ev_program e = {};

	(void)state;
	program_cgroup("0::/system.slice/a.service\n", &e);
	CHECK(e.cgroup, "/system.slice/a.service");
	/* a hybrid host: the unified hierarchy is there, and everybody is in its root */
	program_cgroup("12:memory:/x\n1:name=systemd:/machine.slice/machine-db01.scope\n0::/\n", &e);
	CHECK(e.cgroup, "/machine.slice/machine-db01.scope");
	memset(&e, 0, sizeof(e));
	program_cgroup("nonsense\n:\n", &e);
	CHECK(e.cgroup, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines), cmocka_unit_test(machine_groups),
		cmocka_unit_test(pods),
		cmocka_unit_test(hierarchies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
