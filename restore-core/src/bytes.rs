// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tensors as the bytes of a file, and back.

use tch::{Device, Kind, TchError, Tensor};

/// The values of `tensor` in their own kind, row-major, in the machine's byte order; it may be on any device.
///
/// # Errors
/// [`TchError`] when memory runs out.
pub fn tensor_to_bytes(tensor: &Tensor) -> Result<Vec<u8>, TchError> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?;
    Vec::<u8>::try_from(&tensor.f_contiguous()?.f_reshape([-1])?.f_view_dtype(Kind::Uint8)?)
}

/// A tensor on the CPU of what [`tensor_to_bytes`] gave of one of that kind and shape.
///
/// # Errors
/// [`TchError`] when the bytes are too many or too few.
pub fn tensor_from_bytes(bytes: &[u8], kind: Kind, shape: &[usize]) -> Result<Tensor, TchError> {
    let shape: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    // Reinterpreted after the copy: the bytes in a file need not be aligned.
    Tensor::f_from_slice(bytes)?.f_view_dtype(kind)?.f_view(shape.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_comes_back_from_its_bytes() {
        let tensor = Tensor::from_slice(&[1.0_f32, -2.5, 3e-20, 0.0, 7.0, f32::MIN_POSITIVE]).view([3, 2]);
        for kind in [Kind::Float, Kind::BFloat16] {
            // Transposed, so that its values do not follow each other in memory.
            let tensor = tensor.to_kind(kind).tr();
            let bytes = tensor_to_bytes(&tensor).unwrap();
            assert!(tensor_from_bytes(&bytes, kind, &[2, 3]).unwrap().equal(&tensor));
            assert!(tensor_from_bytes(&bytes[1..], kind, &[2, 3]).is_err());
        }
    }
}
