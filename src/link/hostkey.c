/* SPDX-License-Identifier: ISC */

/*
 * Trouble with host keys in words; see hostkey.h.
 *
 * A changed key is where people are attacked and where they are impatient, so
 * the message says both what it may mean and the one command that ends it, and
 * nothing here ever does that by itself.
 */

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"

#include "link/hostkey.h"

char *
hostkey_name(const char *host, int64_t port)
{
	if (port == 0 || port == 22)
		return xstrdup(host);
	return xasprintf("[%s]:%lld", host, (long long)port);
}

/* The command that forgets the old key. */
static void
add_command(struct buf *out, const struct hostkey_facts *f)
{
	(void)buf_adds(out, "ssh-keygen -R ");
	(void)shell_quote(out, f->host ? f->host : "HOST");
	if (f->file) {
		(void)buf_adds(out, " -f ");
		(void)shell_quote(out, f->file);
	}
}

static int
changed(const struct hostkey_facts *f, struct err *err)
{
	AUTO_BUF command = BUF_INIT(4096);
	AUTO_BUF place = BUF_INIT(4096);

	add_command(&command, f);
	if (f->file && f->line)
		(void)buf_addf(&place, " (%s, line %lld)", f->file,
			       (long long)f->line);
	err_set(err, ERR_HOST_KEY,
		"the host key of %s is not the one that is known%s: somebody "
		"may be listening in, or it was installed anew%s%s",
		f->host ? f->host : f->machine, buf_text(&place),
		f->fingerprint ? "; it offers " : "",
		f->fingerprint ? f->fingerprint : "");
	return err_hint(err,
			"ask its administrator for the fingerprint; if it is "
			"right: %s; then: berth machine trust %s",
			buf_text(&command), f->machine);
}

int
hostkey_error(enum hostkey_trouble trouble, const struct hostkey_facts *f,
	      struct err *err)
{
	const char *host = f->host ? f->host : f->machine;

	switch (trouble) {
	case HOSTKEY_CHANGED:
		return changed(f, err);
	case HOSTKEY_REVOKED:
		err_set(err, ERR_HOST_KEY,
			"the host key of %s is revoked%s%s: whoever has it "
			"may not be %s",
			host, f->file ? " in " : "", f->file ? f->file : "",
			host);
		return err_hint(err, "do not connect; ask its administrator "
				     "for a new key");
	case HOSTKEY_INVALID:
		err_set(err, ERR_HOST_KEY,
			"the host certificate of %s does not hold", host);
		return err_hint(err, "ask its administrator to renew it");
	case HOSTKEY_UNKNOWN:
		break;
	}
	err_set(err, ERR_HOST_KEY, "the host key of %s is not known%s%s", host,
		f->fingerprint ? ": " : "",
		f->fingerprint ? f->fingerprint : "");
	return err_hint(err,
			"compare the fingerprint, then: berth machine trust "
			"%s",
			f->machine);
}
