#!/bin/busybox sh
# First process of the virtual machine: makes the machine's root, under a throw-away layer, the root of this one.
# Kernel parameters kobako.* come in as variables without the prefix's dot part, so /proc/cmdline is read instead.
export PATH=/bin
/bin/busybox --install -s /bin
fail() { echo "init: $1" >/dev/console; poweroff -f; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /lib/modules/*; do insmod "$module" || fail "cannot load $module"; done

mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose root /lower || fail "cannot mount the machine's root"
mount -t tmpfs -o mode=755,size=75% mem /mem
mkdir /mem/upper /mem/work
chmod 755 /mem/upper
mount -t overlay -o lowerdir=/lower,upperdir=/mem/upper,workdir=/mem/work root /newroot || fail 'cannot mount the overlay'

cd /newroot
mount --move /proc proc
mount --move /sys sys
mount --move /dev dev
mkdir -p dev/pts dev/shm dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t mqueue mqueue dev/mqueue
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
# An overlay cannot be another overlay's upper layer: where tests and engines write must be something else.
mkdir -p tmp run var/tmp var/lib/kobako lib/modules
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp var/tmp
mount -t tmpfs -o mode=755 kobako var/lib/kobako
mount -t cgroup2 -o nsdelegate cgroup2 sys/fs/cgroup
mount -t bpf bpf sys/fs/bpf
mount -t securityfs securityfs sys/kernel/security

mkdir -p run/vm/share
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none share run/vm/share || fail 'cannot mount the share'
cp /bin/busybox run/vm/busybox
exec switch_root /newroot /run/vm/busybox sh /run/vm/share/start.sh
