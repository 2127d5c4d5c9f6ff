# Process 1 after switch_root, run by busybox. Runs share/command.sh with its output on the port "output", writes its
# exit code to share/code, and turns the machine off.
busybox=/run/vm/busybox
share=/run/vm/share
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb KOBAKO_VM=1
. $share/settings.sh

# Modules come from the unpacked package, on demand: by alias, as the kernel asks for them.
release=$($busybox uname -r)
$busybox ln -s "$modules" "/lib/modules/$release"
printf '#!%s sh\nexec %s modprobe "$@"\n' $busybox $busybox >/run/vm/modprobe
$busybox chmod 755 /run/vm/modprobe
echo /run/vm/modprobe >/proc/sys/kernel/modprobe
for module in veth bridge br_netfilter nf_tables nft_compat nft_ct nft_nat nft_masq loop erofs fuse tun; do
  $busybox modprobe -q $module
done

$busybox hostname kobako-vm
$busybox ip link set lo up
# As a distribution has it: every controller is handed down, and processes live in leaves only.
for controller in $($busybox cat /sys/fs/cgroup/cgroup.controllers); do
  echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done
$busybox mkdir /sys/fs/cgroup/session.scope
echo $$ >/sys/fs/cgroup/session.scope/cgroup.procs

output=$($busybox grep -lx output /sys/class/virtio-ports/*/name)
output=/dev/$($busybox basename "$($busybox dirname "$output")")
{
  $busybox setsid $busybox sh $share/command.sh </dev/null
  echo $? >$share/code
} 2>&1 | $busybox cat >"$output"
$busybox sync
$busybox poweroff -f
