/* SPDX-License-Identifier: ISC */
#ifndef BERTH_SECRET_SECRET_SERVICE_H
#define BERTH_SECRET_SECRET_SERVICE_H

/*
 * Secrets in the Secret Service of the session: GNOME Keyring, KWallet,
 * KeePassXC.  Reached through libsecret, which is loaded when it is needed and
 * need not be there.
 *
 * Each request has a deadline: a service that does not answer, or waits for a
 * person who is not there, is ERR_TIMEOUT.
 */

#include "core/err.h"

struct store;

/* ERR_UNSUPPORTED says what is missing. */
struct store *secret_service_open(struct err *err);

#endif
