# shellcheck shell=bash
# A real sshd in the world (world.bash), and root's client there. Each server is a port:
#
#   ssh agent        as Debian sets it up (PAM, Subsystem sftp)
#   ssh open-agent   lets users' files and clients set any environment variable
#   ssh forced-agent ForceCommand
# and the same for plain.

SSHD_OPEN_PORT=23
SSHD_FORCED_PORT=24
# shellcheck disable=SC2016 # expanded by the login shell
FORCED_COMMAND='prove; echo "asked for: $SSH_ORIGINAL_COMMAND"; exit 7'

# sshd_start: for setup_file, after world_start.
sshd_start() {
	sshd_keys && sshd_configuration && sshd_client
	sshd_run /etc/ssh/sshd_test
	sshd_run /etc/ssh/sshd_open
}

sshd_keys() {
	# shellcheck disable=SC2016 # expanded in the world
	world bash -c 'ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/test_host_key
		mkdir -m 0700 /root/.ssh
		ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519
		printf "world %s\n" "$(cut -d" " -f1,2 /etc/ssh/test_host_key.pub)" >/root/.ssh/known_hosts
		mkdir -p /etc/ssh/keys
		for user in agent plain; do cp /root/.ssh/id_ed25519.pub "/etc/ssh/keys/$user"; done'
}

# Keys lie in /etc: the users' homes are emptied between tests.
sshd_configuration() {
	world tee /etc/ssh/sshd_test >/dev/null <<-EOT
		ListenAddress 127.0.0.1:22
		ListenAddress 127.0.0.1:$SSHD_FORCED_PORT
		HostKey /etc/ssh/test_host_key
		PidFile none
		UsePAM yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		AuthorizedKeysFile /etc/ssh/keys/%u .ssh/authorized_keys
		UseDNS no
		PrintMotd no
		PrintLastLog no
		Subsystem sftp /usr/lib/openssh/sftp-server
		Match LocalPort $SSHD_FORCED_PORT
			ForceCommand $FORCED_COMMAND
	EOT
	world tee /etc/ssh/sshd_open >/dev/null <<-EOT
		ListenAddress 127.0.0.1:$SSHD_OPEN_PORT
		HostKey /etc/ssh/test_host_key
		PidFile none
		UsePAM yes
		PasswordAuthentication no
		AuthorizedKeysFile /etc/ssh/keys/%u .ssh/authorized_keys
		UseDNS no
		PrintMotd no
		PrintLastLog no
		PermitUserEnvironment yes
		PermitUserRC yes
		AcceptEnv *
		Subsystem sftp /usr/lib/openssh/sftp-server
	EOT
}

sshd_client() {
	world tee /root/.ssh/config >/dev/null <<-EOT
		Host agent open-agent forced-agent
			User agent
		Host plain open-plain forced-plain
			User plain
		Host open-*
			Port $SSHD_OPEN_PORT
		Host forced-*
			Port $SSHD_FORCED_PORT
		Host *
			HostName 127.0.0.1
			HostKeyAlias world
			StrictHostKeyChecking yes
			IdentitiesOnly yes
			IdentityFile ~/.ssh/id_ed25519
			GSSAPIAuthentication no
			KexAlgorithms curve25519-sha256
			LogLevel ERROR
	EOT
}

# sshd_run CONFIGURATION: starts that server and waits until it listens. It ends with the world.
sshd_run() {
	local ports
	ports=$(world sed -n 's/^ListenAddress 127.0.0.1://p' "$1")
	world /usr/sbin/sshd -t -f "$1"
	world /usr/sbin/sshd -D -f "$1" -E /var/log/sshd </dev/null >/dev/null 2>&1 &
	for port in $ports; do
		if ! wait_for sshd_listens "$port"; then
			world cat /var/log/sshd >&2
			return 1
		fi
	done
}

sshd_listens() {
	# shellcheck disable=SC2016 # expanded in the world
	world bash -c 'exec 9<>"/dev/tcp/127.0.0.1/$0"' "$1" 2>/dev/null
}
