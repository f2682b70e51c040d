"""What Postern does, one verb per file. Services own their transactions; nothing above them opens one."""
