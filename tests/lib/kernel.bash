# shellcheck shell=bash
# A machine of a test's own: another kernel, under qemu without KVM, with these programs and
# busybox in memory and nothing else. Boots in about 5 s.

# Debian's kernel, which has Yama, and the one module that sidecars need: scripts/install-deps.
KERNEL_FOLDER=${XDG_CACHE_HOME:-$HOME/.cache}/agentsh-exec/kernel

# into FOLDER PROGRAM...: into its bin, with the libraries they need.
into() {
	local folder=$1 program library
	mkdir -p "$folder/bin"
	for program in "${@:2}"; do
		cp -L "$program" "$folder/bin/"
		# A static one has none, and ldd says so by its status.
		ldd "$program" 2>/dev/null | grep -o '/[^ ]*' >"$folder.libraries" || continue
		while read -r library; do
			[ -e "$folder$library" ] || install -D -m 755 "$library" "$folder$library"
		done <"$folder.libraries"
	done
}

# kernel_run SCRIPT [PROGRAM...]: runs the script in it, as root, by busybox's sh; what that said is in the
# file $BATS_FILE_TMPDIR/said.
kernel_run() {
	local root=$BATS_FILE_TMPDIR/root
	into "$root" /bin/busybox "${@:2}"
	install -m 755 "$TOP/tests/lib/kernel-init" "$root/init"
	cp "$1" "$root/test"
	cp "$KERNEL_FOLDER/unix_diag.ko" "$root/"
	(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$BATS_FILE_TMPDIR/initramfs"
	timeout -k 1 "${KERNEL_SECONDS:-300}" qemu-system-x86_64 -accel tcg -m 512 -nographic -no-reboot -nodefaults -serial stdio \
		-kernel "$KERNEL_FOLDER/vmlinuz" -initrd "$BATS_FILE_TMPDIR/initramfs" -append 'console=ttyS0 panic=-1 quiet' \
		</dev/null 2>"$BATS_FILE_TMPDIR/qemu.log" 3>&- | tr -d '\r' >"$BATS_FILE_TMPDIR/said"
	grep -q '^machine: ended 0$' "$BATS_FILE_TMPDIR/said" || {
		cat "$BATS_FILE_TMPDIR/qemu.log" "$BATS_FILE_TMPDIR/said"
		return 1
	}
}
