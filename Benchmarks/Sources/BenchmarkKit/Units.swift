/// Figures as people read them: three digits and a unit.
public enum Units {
  /// 22.1 M
  public static func rate(_ value: Double) -> String {
    scaled(value, ["", " k", " M", " G"])
  }

  /// 2.31 GB (powers of ten)
  public static func bytes(_ value: Double) -> String {
    scaled(value, [" B", " kB", " MB", " GB", " TB"])
  }

  /// 152 µs
  public static func duration(_ nanoseconds: Double) -> String {
    scaled(nanoseconds, [" ns", " µs", " ms", " s"])
  }

  /// 4.21–4.93: the least and the largest, in the unit of the largest
  static func range(_ spread: Spread) -> String {
    var unit = 1.0
    while spread.maximum / unit >= 999.5 { unit *= 1000 }
    return "\(digits(spread.minimum / unit))–\(digits(spread.maximum / unit))"
  }

  /// 1 KiB (powers of two, exact ones only)
  public static func size(_ bytes: Int) -> String {
    if bytes >= 1 << 30, bytes % (1 << 30) == 0 { return "\(bytes >> 30) GiB" }
    if bytes >= 1 << 20, bytes % (1 << 20) == 0 { return "\(bytes >> 20) MiB" }
    if bytes >= 1 << 10, bytes % (1 << 10) == 0 { return "\(bytes >> 10) KiB" }
    return "\(grouped(bytes)) B"
  }

  /// 0.83 as 83 %, 12.4 as 12.4×
  public static func share(_ value: Double) -> String {
    value >= 2 ? digits(value) + "×" : "\(fixed(value * 100, 0)) %"
  }

  /// 1,000
  public static func grouped(_ value: Int) -> String {
    let text = String(value)
    var output = ""
    for (place, digit) in text.enumerated() {
      if place > 0, (text.count - place) % 3 == 0, output != "-" { output += "," }
      output.append(digit)
    }
    return output
  }

  private static func scaled(_ value: Double, _ units: [String]) -> String {
    var value = value
    var unit = 0
    // 999.5 would be written as 1000.
    while value.magnitude >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return digits(value) + units[unit]
  }

  /// Three significant digits, none behind the point from 100 on.
  static func digits(_ value: Double) -> String {
    let decimals = value.magnitude >= 99.95 ? 0 : value.magnitude >= 9.995 ? 1 : 2
    return fixed(value, decimals)
  }

  /// The value with so many decimals.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
    var power = 1
    for _ in 0..<decimals { power *= 10 }
    let scaled = Int((value.magnitude * Double(power)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + "\(scaled)" }
    let rest = String(scaled % power)
    return sign + "\(scaled / power)." + String(repeating: "0", count: decimals - rest.count) + rest
  }
}
