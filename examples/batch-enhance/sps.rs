// SPDX-License-Identifier: MIT OR Apache-2.0
//! Range and colours of the samples of an H.264 or H.265 stream: its sequence parameter set, read down to the VUI.

/// Profiles of H.264 whose parameter sets tell the chroma format (ITU-T H.264, 7.3.2.1.1).
const CHROMA_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// The aspect ratio that is written out (Extended_SAR).
const EXTENDED_SAR: u32 = 255;
/// The type of a sequence parameter set among H.265's NAL units.
const H265_SPS: u8 = 33;

/// What a bitstream says of its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Whether they fill 0…255.
    pub full_range: bool,
    /// What they mean.
    pub colours: Option<Colours>,
}

/// Code points of ITU-T H.273.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    /// The primaries (table 2).
    pub primaries: u8,
    /// The transfer characteristics (table 3).
    pub transfer: u8,
    /// The matrix coefficients (table 4).
    pub matrix: u8,
}

/// What a stream of `media_type` says of its samples in the configuration record (`codec_data`) in its caps; None when it says
/// nothing or cannot be read.
#[must_use]
pub fn signal(media_type: &str, configuration: &[u8]) -> Option<Signal> {
    match media_type {
        "video/x-h264" => h264(first_of_avc(configuration)?),
        "video/x-h265" => h265(first_of_hevc(configuration)?),
        _ => None,
    }
}

/// The first parameter set of an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3).
fn first_of_avc(record: &[u8]) -> Option<&[u8]> {
    let sets = record.get(5)? & 0x1f;
    let unit = record.get(6..).filter(|_| sets > 0)?;
    split_unit(unit).map(|(unit, _)| unit)
}

/// The first parameter set of an `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 8.3.3).
fn first_of_hevc(record: &[u8]) -> Option<&[u8]> {
    let arrays = *record.get(22)?;
    let mut rest = record.get(23..)?;
    for _ in 0..arrays {
        let kind = rest.first()? & 0x3f;
        let units = u16::from_be_bytes([*rest.get(1)?, *rest.get(2)?]);
        rest = rest.get(3..)?;
        for _ in 0..units {
            let (unit, after) = split_unit(rest)?;
            if kind == H265_SPS {
                return Some(unit);
            }
            rest = after;
        }
    }
    None
}

/// A NAL unit behind its length of two bytes, and what comes after it.
fn split_unit(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    bytes.get(2..)?.split_at_checked(length.into())
}

/// ITU-T H.264, 7.3.2.1.1.
fn h264(unit: &[u8]) -> Option<Signal> {
    let bits = &mut Bits::of_unit(unit);
    bits.skip(8)?;
    let profile = bits.take(8)?;
    bits.skip(16)?;
    bits.exp_golomb()?;
    if CHROMA_PROFILES.contains(&profile) {
        h264_chroma(bits)?;
    }
    bits.exp_golomb()?;
    h264_picture_order(bits)?;
    bits.exp_golomb()?;
    bits.skip(1)?;
    bits.exp_golomb()?;
    bits.exp_golomb()?;
    let frames_only = bits.bit()?;
    bits.skip(if frames_only { 1 } else { 2 })?;
    window(bits)?;
    if bits.bit()? { vui(bits) } else { None }
}

/// The chroma format, the depths and the scaling matrices.
fn h264_chroma(bits: &mut Bits) -> Option<()> {
    let format = bits.exp_golomb()?;
    if format == 3 {
        bits.skip(1)?;
    }
    bits.exp_golomb()?;
    bits.exp_golomb()?;
    bits.skip(1)?;
    if bits.bit()? {
        let lists = if format == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.bit()? {
                h264_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

/// ITU-T H.264, 7.3.2.1.1.1: the list ends where the next scale becomes 0.
fn h264_scaling_list(bits: &mut Bits, size: u32) -> Option<()> {
    let mut scale = 8i64;
    for _ in 0..size {
        scale = (scale + bits.signed_exp_golomb()?).rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

fn h264_picture_order(bits: &mut Bits) -> Option<()> {
    match bits.exp_golomb()? {
        0 => {
            bits.exp_golomb()?;
        }
        1 => {
            bits.skip(1)?;
            bits.exp_golomb()?;
            bits.exp_golomb()?;
            for _ in 0..bits.exp_golomb()? {
                bits.exp_golomb()?;
            }
        }
        _ => (),
    }
    Some(())
}

/// ITU-T H.265, 7.3.2.2.1.
fn h265(unit: &[u8]) -> Option<Signal> {
    let bits = &mut Bits::of_unit(unit);
    bits.skip(16 + 4)?;
    let sub_layers = bits.take(3)?;
    bits.skip(1)?;
    h265_profile(bits, sub_layers)?;
    bits.exp_golomb()?;
    if bits.exp_golomb()? == 3 {
        bits.skip(1)?;
    }
    bits.exp_golomb()?;
    bits.exp_golomb()?;
    window(bits)?;
    bits.exp_golomb()?;
    bits.exp_golomb()?;
    let order_bits = usize::try_from(bits.exp_golomb()?.checked_add(4)?).ok()?;
    let first = if bits.bit()? { 0 } else { sub_layers };
    for _ in first..=sub_layers {
        bits.skip_exp_golomb(3)?;
    }
    bits.skip_exp_golomb(6)?;
    if bits.bit()? && bits.bit()? {
        h265_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.bit()? {
        bits.skip(8)?;
        bits.skip_exp_golomb(2)?;
        bits.skip(1)?;
    }
    h265_reference_sets(bits)?;
    if bits.bit()? {
        for _ in 0..bits.exp_golomb()? {
            bits.skip(order_bits + 1)?;
        }
    }
    bits.skip(2)?;
    if bits.bit()? { vui(bits) } else { None }
}

/// ITU-T H.265, 7.3.3.
fn h265_profile(bits: &mut Bits, sub_layers: u32) -> Option<()> {
    const PROFILE: usize = 88;
    const LEVEL: usize = 8;
    bits.skip(PROFILE + LEVEL)?;
    let mut present = 0;
    for _ in 0..sub_layers {
        present += if bits.bit()? { PROFILE } else { 0 };
        present += if bits.bit()? { LEVEL } else { 0 };
    }
    if sub_layers > 0 {
        for _ in sub_layers..8 {
            bits.skip(2)?;
        }
    }
    bits.skip(present)
}

/// ITU-T H.265, 7.3.4.
fn h265_scaling_lists(bits: &mut Bits) -> Option<()> {
    for size in 0..4 {
        let lists = if size == 3 { 2 } else { 6 };
        for _ in 0..lists {
            if bits.bit()? {
                // Those of 16 × 16 and 32 × 32 begin with the coefficient of DC.
                let coefficients = 64u32.min(1 << (4 + 2 * size));
                bits.skip_exp_golomb(if size > 1 { coefficients + 1 } else { coefficients })?;
            } else {
                bits.exp_golomb()?;
            }
        }
    }
    Some(())
}

/// ITU-T H.265, 7.3.7: a set may be told as what changes from the one before it.
fn h265_reference_sets(bits: &mut Bits) -> Option<()> {
    let mut pictures = 0;
    for index in 0..bits.exp_golomb()? {
        pictures = if index > 0 && bits.bit()? {
            bits.skip(1)?;
            bits.exp_golomb()?;
            let mut kept = 0;
            for _ in 0..=pictures {
                // It is used by this picture, or else kept for later ones.
                if bits.bit()? || bits.bit()? {
                    kept += 1;
                }
            }
            kept
        } else {
            let (before, after) = (bits.exp_golomb()?, bits.exp_golomb()?);
            let count = before.checked_add(after)?;
            for _ in 0..count {
                bits.exp_golomb()?;
                bits.skip(1)?;
            }
            count
        };
    }
    Some(())
}

/// The window that is shown.
fn window(bits: &mut Bits) -> Option<()> {
    if bits.bit()? { bits.skip_exp_golomb(4) } else { Some(()) }
}

/// `video_signal_type`; both codecs' VUI begin alike (ITU-T H.264 and H.265, E.1.1 and E.2.1).
fn vui(bits: &mut Bits) -> Option<Signal> {
    if bits.bit()? && bits.take(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.bit()? {
        bits.skip(1)?;
    }
    if !bits.bit()? {
        return None;
    }
    bits.skip(3)?;
    let full_range = bits.bit()?;
    let colours = if bits.bit()? { Some(colours(bits)?) } else { None };
    Some(Signal { full_range, colours })
}

fn colours(bits: &mut Bits) -> Option<Colours> {
    let mut code = || u8::try_from(bits.take(8)?).ok();
    Some(Colours { primaries: code()?, transfer: code()?, matrix: code()? })
}

/// The bits of a NAL unit; None past its end.
struct Bits {
    bytes: Vec<u8>,
    position: usize,
}

impl Bits {
    /// Without the bytes that keep start codes out of the unit.
    fn of_unit(unit: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(unit.len());
        let mut zeros = 0;
        for &byte in unit {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, position: 0 }
    }

    fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = (byte >> (7 - self.position % 8)) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.bit()?);
        }
        Some(value)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.position += count;
        (self.position <= self.bytes.len() * 8).then_some(())
    }

    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
        }
        let range = 1u32.checked_shl(zeros)?;
        Some(range - 1 + self.take(zeros)?)
    }

    fn signed_exp_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.exp_golomb()?);
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) })
    }

    fn skip_exp_golomb(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.exp_golomb()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x264, high profile: full range with the colours of BT.709.
    const H264_FULL: &str =
        "01640014ffe1001c67640014acd942c4ec05b808080a000003000200000300791e28532c01000568ebecb22c";
    /// The same with limited range.
    const H264_LIMITED: &str =
        "01640014ffe1001c67640014acd942c4ec05a808080a000003000200000300791e28532c01000568ebecb22c";
    /// x264, baseline: full range without colours, as phones write it.
    const H264_RANGE_ALONE: &str =
        "0142c015ffe100176742c015da11ec05b528000003000800000301e478b17501000468ce3c80";
    /// The same without any word on the signal.
    const H264_SILENT: &str = "0142c015ffe100176742c015da11ec04a50000030001000003003c8f162ea001000468ce3c80";
    /// x265, ultrafast: full range.
    const H265_FULL: &str = "0101600000009000000000003ff000fcfdf8f800000f03200001001840010c01ffff016000000300900000\
        03000003003fba0240210001003042010101600000030090000003000003003fa0162024596e92930bffc00040005b8303030200\
        00030002000003003c1022000100064401c0718312";
    /// x265, medium: limited range.
    const H265_LIMITED: &str = "0101600000009000000000003ff000fcfdf8f800000f03200001001840010c01ffff016000000300900000\
        03000003003f959809210001003142010101600000030090000003000003003fa0162024596566924cafff000100016a0c0c0c08\
        000003000800000300f04022000100074401c172b46240";

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hexadecimal.chars().map(|digit| digit.to_digit(16).unwrap().try_into().unwrap()).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4) | pair[1]).collect()
    }

    #[test]
    fn the_range_of_encoders_parameter_sets_is_read() {
        let of = |media_type, record| signal(media_type, &bytes(record)).map(|signal| signal.full_range);
        assert_eq!(of("video/x-h264", H264_FULL), Some(true));
        assert_eq!(of("video/x-h264", H264_LIMITED), Some(false));
        assert_eq!(of("video/x-h264", H264_RANGE_ALONE), Some(true));
        assert_eq!(of("video/x-h264", H264_SILENT), None);
        assert_eq!(of("video/x-h265", H265_FULL), Some(true));
        assert_eq!(of("video/x-h265", H265_LIMITED), Some(false));
        let bt709 = Some(Colours { primaries: 1, transfer: 1, matrix: 1 });
        assert_eq!(signal("video/x-h264", &bytes(H264_FULL)).unwrap().colours, bt709);
        assert_eq!(signal("video/x-h264", &bytes(H264_RANGE_ALONE)).unwrap().colours, None);
    }

    #[test]
    fn what_is_cut_or_noise_has_no_range() {
        for (media_type, record) in [("video/x-h264", H264_FULL), ("video/x-h265", H265_FULL)] {
            let record = bytes(record);
            for end in 0..36 {
                assert_eq!(signal(media_type, &record[..end]), None, "{media_type} cut to {end} bytes");
            }
            assert_eq!(signal(media_type, &[0; 64]), None);
            // Nothing that it reads may stop the work, whatever it makes of it.
            let _ = signal(media_type, &[0xff; 64]);
        }
    }

    #[test]
    fn reference_sets_that_follow_from_others_are_passed_over() {
        // Two sets: one picture before (1, used); then the change of it: sign, distance, one picture used, one kept.
        let mut bits = Bits { bytes: vec![0b0110_1011, 0b1101_1010], position: 0 };
        assert_eq!(h265_reference_sets(&mut bits), Some(()));
        assert_eq!(bits.position, 15);
    }
}
