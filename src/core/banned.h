/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_BANNED_H
#define BERTH_CORE_BANNED_H

/*
 * Functions that this tree does not call; forced into every file by the build.
 * Unbounded copies, hidden state, shells, and everything that reads NSS: the
 * daemon is static.
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
#pragma GCC poison mktemp getaddrinfo gethostbyname getpwnam getpwuid getlogin

#endif
