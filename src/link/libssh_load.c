/* SPDX-License-Identifier: ISC */

/* The library itself, found at run time; see libssh_parts.h. */

#include <dlfcn.h>
#include <string.h>

#include "core/macros.h"

#include "link/libssh_parts.h"

struct libssh libssh;

static int
not_installed(struct err *err)
{
	err_set(err, ERR_UNSUPPORTED, "libssh is not installed");
	return err_hint(err, "install the package libssh-4 (libssh on Fedora), "
			     "or set 'transport: openssh' for the machine");
}

int
libssh_load(struct err *err)
{
	static const char *const names[] = {
#define LIBSSH_NAME(name) #name,
		LIBSSH_FUNCTIONS(LIBSSH_NAME)
#undef LIBSSH_NAME
	};
	void *functions[ARRAY_SIZE(names)];
	void *library;

	_Static_assert(sizeof(functions) == sizeof(libssh), "all of them");
	if (libssh.ssh_new)
		return 0;
	library = dlopen("libssh.so.4", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return not_installed(err);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		functions[i] = dlsym(library, names[i]);
		if (functions[i] == NULL)
			return err_set(err, ERR_UNSUPPORTED,
				       "this libssh is too old: it has no %s",
				       names[i]);
	}
	memcpy(&libssh, functions, sizeof(libssh));
	return 0;
}
