-- prosody-modules checks its modules more narrowly than .luacheckrc does: no global but Prosody's own, and of `module` only
-- the API, which is that of 13.0, and the callbacks. A file that sets more of `module` says so.

std = "lua54c"
max_line_length = 150
unused_secondaries = false
allow_defined_top = true
ignore = { "411/err", "421/err", "411/ok", "421/ok" }

local function fields(names)
	local listed = {}
	for name in names:gmatch("%S+") do
		table.insert(listed, "module."..name)
	end
	return listed
end

read_globals = fields [[
	name host path global reloading saved_state event_handlers items log _log http_url

	add_extension add_feature add_identity add_item add_timer broadcast context could cron daily default_permission
	default_permissions depends fire_event get_directory get_host get_host_items get_host_type get_name get_option
	get_option_array get_option_boolean get_option_enum get_option_inherited_set get_option_integer get_option_number
	get_option_path get_option_period get_option_scalar get_option_set get_option_string get_status handle_items hook
	hook_global hook_object_event hook_tag hourly load_resource log_status may measure metric on_ready once open_store
	provides remove_item require send send_iq set_global set_status shared unhook unhook_object_event weekly wrap_event
	wrap_global wrap_object_event
]]
table.insert(read_globals, "prosody")

globals = fields "ready unload add_host load save restore command environment"
