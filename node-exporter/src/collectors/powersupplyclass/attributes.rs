//! What a supply's files hold, in millionths, tenths or whole units.

use agent_core::exposition::Value;

use crate::sysfs::{Attribute, divided, micro};

#[rustfmt::skip]
pub(super) const ATTRIBUTES: &[Attribute] = &[
    Attribute::gauge("authentic", "node_power_supply_authentic", "Whether a supply is known to be genuine."),
    Attribute::gauge("calibrate", "node_power_supply_calibrate", "Whether a battery is calibrating."),
    Attribute::gauge("capacity", "node_power_supply_capacity", "Charge of a battery in percent."),
    Attribute::gauge("capacity_alert_max", "node_power_supply_capacity_alert_max", "Charge in percent above which a battery warns."),
    Attribute::gauge("capacity_alert_min", "node_power_supply_capacity_alert_min", "Charge in percent below which a battery warns."),
    Attribute::gauge("charge_now", "node_power_supply_charge_ampere", "Charge of a battery in ampere-hours.").parsed(micro),
    Attribute::gauge("charge_control_limit", "node_power_supply_charge_control_limit", "Current with which a battery may be charged now, in amperes.").parsed(micro),
    Attribute::gauge("charge_control_limit_max", "node_power_supply_charge_control_limit_max", "Most that the limit of the charging current can be, in amperes.").parsed(micro),
    Attribute::gauge("charge_counter", "node_power_supply_charge_counter", "Charge that went into a battery since it was last counted, in ampere-hours.").parsed(micro),
    Attribute::gauge("charge_empty", "node_power_supply_charge_empty", "Charge at which a battery is taken as empty, in ampere-hours.").parsed(micro),
    Attribute::gauge("charge_empty_design", "node_power_supply_charge_empty_design", "Charge of an empty battery as designed, in ampere-hours.").parsed(micro),
    Attribute::gauge("charge_full", "node_power_supply_charge_full", "Charge of a full battery now, in ampere-hours.").parsed(micro),
    Attribute::gauge("charge_full_design", "node_power_supply_charge_full_design", "Charge of a full battery as designed, in ampere-hours.").parsed(micro),
    Attribute::gauge("charge_term_current", "node_power_supply_charge_term_current", "Current below which charging ends, in amperes.").parsed(micro),
    Attribute::gauge("constant_charge_current", "node_power_supply_constant_charge_current", "Charging current that is set, in amperes.").parsed(micro),
    Attribute::gauge("constant_charge_current_max", "node_power_supply_constant_charge_current_max", "Highest charging current, in amperes.").parsed(micro),
    Attribute::gauge("constant_charge_voltage", "node_power_supply_constant_charge_voltage", "Charging voltage that is set, in volts.").parsed(micro),
    Attribute::gauge("constant_charge_voltage_max", "node_power_supply_constant_charge_voltage_max", "Highest charging voltage, in volts.").parsed(micro),
    Attribute::gauge("current_now", "node_power_supply_current_ampere", "Current now, in amperes.").parsed(micro),
    Attribute::gauge("current_boot", "node_power_supply_current_boot", "Current at boot, in amperes.").parsed(micro),
    Attribute::gauge("current_max", "node_power_supply_current_max", "Highest current, in amperes.").parsed(micro),
    Attribute::gauge("cycle_count", "node_power_supply_cyclecount", "Charging cycles of a battery."),
    Attribute::gauge("energy_empty", "node_power_supply_energy_empty", "Energy at which a battery is taken as empty, in watt-hours.").parsed(micro),
    Attribute::gauge("energy_empty_design", "node_power_supply_energy_empty_design", "Energy of an empty battery as designed, in watt-hours.").parsed(micro),
    Attribute::gauge("energy_full", "node_power_supply_energy_full", "Energy of a full battery now, in watt-hours.").parsed(micro),
    Attribute::gauge("energy_full_design", "node_power_supply_energy_full_design", "Energy of a full battery as designed, in watt-hours.").parsed(micro),
    Attribute::gauge("energy_now", "node_power_supply_energy_watthour", "Energy in a battery, in watt-hours.").parsed(micro),
    Attribute::gauge("input_current_limit", "node_power_supply_input_current_limit", "Most current that is drawn from a supply, in amperes.").parsed(micro),
    Attribute::gauge("online", "node_power_supply_online", "Whether a supply gives power."),
    Attribute::gauge("power_now", "node_power_supply_power_watt", "Power now, in watts.").parsed(micro),
    Attribute::gauge("precharge_current", "node_power_supply_precharge_current", "Current before charging proper, in amperes.").parsed(micro),
    Attribute::gauge("present", "node_power_supply_present", "Whether a battery is there."),
    Attribute::gauge("temp_alert_max", "node_power_supply_temp_alert_max_celsius", "Temperature above which a battery warns, in degrees Celsius.").parsed(tenths),
    Attribute::gauge("temp_alert_min", "node_power_supply_temp_alert_min_celsius", "Temperature below which a battery warns, in degrees Celsius.").parsed(tenths),
    Attribute::gauge("temp_ambient", "node_power_supply_temp_ambient_celsius", "Temperature around a battery, in degrees Celsius.").parsed(tenths),
    Attribute::gauge("temp_ambient_alert_max", "node_power_supply_temp_ambient_max_celsius", "Temperature around a battery above which it warns, in degrees Celsius.").parsed(tenths),
    Attribute::gauge("temp_ambient_alert_min", "node_power_supply_temp_ambient_min_celsius", "Temperature around a battery below which it warns, in degrees Celsius.").parsed(tenths),
    Attribute::gauge("temp", "node_power_supply_temp_celsius", "Temperature of a battery, in degrees Celsius.").parsed(tenths),
    Attribute::gauge("temp_max", "node_power_supply_temp_max_celsius", "Highest temperature of a battery, in degrees Celsius.").parsed(tenths),
    Attribute::gauge("temp_min", "node_power_supply_temp_min_celsius", "Lowest temperature of a battery, in degrees Celsius.").parsed(tenths),
    Attribute::gauge("time_to_empty_now", "node_power_supply_time_to_empty_seconds", "Seconds until a battery is empty."),
    Attribute::gauge("time_to_full_now", "node_power_supply_time_to_full_seconds", "Seconds until a battery is full."),
    Attribute::gauge("voltage_boot", "node_power_supply_voltage_boot", "Voltage at boot.").parsed(micro),
    Attribute::gauge("voltage_max", "node_power_supply_voltage_max", "Highest voltage.").parsed(micro),
    Attribute::gauge("voltage_max_design", "node_power_supply_voltage_max_design", "Highest voltage as designed.").parsed(micro),
    Attribute::gauge("voltage_min", "node_power_supply_voltage_min", "Lowest voltage.").parsed(micro),
    Attribute::gauge("voltage_min_design", "node_power_supply_voltage_min_design", "Lowest voltage as designed.").parsed(micro),
    Attribute::gauge("voltage_ocv", "node_power_supply_voltage_ocv", "Voltage without load.").parsed(micro),
    Attribute::gauge("voltage_now", "node_power_supply_voltage_volt", "Voltage now.").parsed(micro),
];

fn tenths(text: &[u8]) -> Option<Value> {
    divided(text, 10.0)
}
