/* recv-fd SOCKET: takes one fd sent over a Unix socket. A terminal is copied to the standard output until it ends; of
   a pidfd its Pid line is printed. What was typed on our standard input goes to the terminal first. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char data[4096], control[CMSG_SPACE(sizeof(int))], path[64];
  struct iovec io = {data, sizeof data};
  struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int fd, at = socket(AF_UNIX, SOCK_STREAM, 0);
  ssize_t n;
  if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) return 2;
  strcpy(address.sun_path, argv[1]);
  if (bind(at, (void *)&address, sizeof address) < 0 || listen(at, 1) < 0) return perror("listen"), 1;
  write(1, "ready\n", 6);
  int from = accept(at, NULL, NULL);
  if (recvmsg(from, &message, 0) <= 0) return perror("recvmsg"), 1;
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (!head || head->cmsg_type != SCM_RIGHTS) return fputs("no fd came\n", stderr), 1;
  memcpy(&fd, CMSG_DATA(head), sizeof fd);
  if (isatty(fd)) {
    while ((n = read(0, data, sizeof data)) > 0) write(fd, data, (size_t)n);
    while ((n = read(fd, data, sizeof data)) > 0) write(1, data, (size_t)n);
    return 0;
  }
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE *info = fopen(path, "r");
  while (info && fgets(data, sizeof data, info))
    if (strncmp(data, "Pid:", 4) == 0) fputs(data, stdout);
  return 0;
}
