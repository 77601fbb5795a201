-- A service of chat rooms with mod_mep. Copy this file to /etc/prosody/conf.d/, with the name that your service has in
-- DNS instead of rooms.example.org; or, where you have a MUC component already, add "mep" to its modules_enabled.
-- All options: /usr/share/doc/prosody-mod-mep/README.md.gz.

Component "rooms.example.org" "muc"
	modules_enabled = { "mep" }
	-- mep_room_publishers = "moderators"
