"""Workers on two hosts, one of which is lost: two network namespaces of this machine. A command with figures."""
