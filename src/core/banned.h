/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_BANNED_H
#define BERTH_CORE_BANNED_H

/*
 * Functions that this tree does not call; forced into every file by the build.
 * Unbounded copies, hidden state and shells.  What reads NSS (getaddrinfo,
 * getpwnam) is banned by scripts/check-words, as uv.h has to name it.
 */

#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef alloca

#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol gmtime
#pragma GCC poison localtime ctime asctime system popen alloca gets tmpnam
#pragma GCC poison mktemp getlogin

#endif
