// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures of whole sets against formulas written out in loops, counts by hand, and what statistics says of them.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::Tensor;
use training::metrics::{
    Gaussian, KernelDistance, Moments, frechet_distance, frechet_standard_error, neighbour_figures,
    squared_mmd,
};

type Rows = Vec<Vec<f64>>;

/// `count` rows of `length` standard normal values.
fn normal(rng: &mut ChaCha8Rng, count: usize, length: usize) -> Rows {
    (0..count).map(|_| (0..length).map(|_| StandardNormal.sample(rng)).collect()).collect()
}

fn tensor(rows: &[Vec<f64>]) -> Tensor {
    Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

/// Far from 0, where sums of squares would lose all digits; against the definition of the covariance in loops.
#[test]
fn moments_of_pieces_are_those_of_the_whole() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut rows = normal(&mut rng, 700, 3);
    for row in &mut rows {
        row[1] = 2.0 * row[1] + row[0];
        row.iter_mut().for_each(|value| *value += 1e7);
    }
    let mut moments = Moments::default();
    for piece in [&rows[..1], &rows[1..1], &rows[1..400], &rows[400..402], &rows[402..]] {
        let features = if piece.is_empty() { tensor(&rows[..1]).narrow(0, 0, 0) } else { tensor(piece) };
        moments.add(&features).unwrap();
    }
    let (pieces, whole) = (moments.gaussian().unwrap(), Gaussian::of(&tensor(&rows)).unwrap());
    let column = |index: usize| rows.iter().map(|row| row[index]).collect::<Vec<f64>>();
    for i in 0..3 {
        let (left, left_mean) = (column(i), mean(&column(i)));
        for j in 0..3 {
            let (right, right_mean) = (column(j), mean(&column(j)));
            let products = left.iter().zip(&right).map(|(l, r)| (l - left_mean) * (r - right_mean));
            let expected = products.sum::<f64>() / 699.0;
            for gaussian in [&pieces, &whole] {
                let found = gaussian.covariance.double_value(&[i as i64, j as i64]);
                assert!((found - expected).abs() < 1e-6, "{i}, {j}: {found}, expected {expected}");
            }
        }
        assert!((pieces.mean.double_value(&[i as i64]) - left_mean).abs() < 1e-6);
    }
    let mut one = Moments::default();
    one.add(&tensor(&rows[..1])).unwrap();
    assert!(one.gaussian().unwrap_err().to_string().contains("at least 2"));
}

/// Of one feature the distance is (μ₁ - μ₂)² + (σ₁ - σ₂)²; when the means differ by 1 and σ is 1, its standard error is that of
/// (μ₁ - μ₂)², 2 √(2 / n), to first order.
#[test]
fn the_standard_error_of_the_frechet_distance_is_that_of_statistics() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (left, mut right) = (normal(&mut rng, 400, 1), normal(&mut rng, 400, 1));
    right.iter_mut().for_each(|row| row[0] += 1.0);
    let values = |rows: &Rows| rows.iter().map(|row| row[0]).collect::<Vec<f64>>();
    let (l, r) = (values(&left), values(&right));
    let expected = (mean(&l) - mean(&r)).powi(2) + (deviation(&l) - deviation(&r)).powi(2);
    let (left, right) = (tensor(&left), tensor(&right));
    let distance = frechet_distance(&Gaussian::of(&left).unwrap(), &Gaussian::of(&right).unwrap()).unwrap();
    assert!((distance - expected).abs() < 1e-9, "{distance}, expected {expected}");
    let expected = 2.0 * (2.0_f64 / 400.0).sqrt();
    let error = frechet_standard_error(&left, &right, 300).unwrap();
    assert!((error / expected - 1.0).abs() < 0.25, "{error}, expected {expected}");
    assert!(frechet_standard_error(&left, &right, 1).unwrap_err().to_string().contains("at least 2"));
}

/// (x·y / D + 1)³ in loops, without the pairs of a picture with itself.
fn mmd_in_loops(left: &Rows, right: &Rows) -> f64 {
    let kernel = |x: &[f64], y: &[f64]| {
        let product: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
        (product / x.len() as f64 + 1.0).powi(3)
    };
    let within = |set: &Rows| {
        let mut sum = 0.0;
        for (i, x) in set.iter().enumerate() {
            for (j, y) in set.iter().enumerate() {
                sum += if i == j { 0.0 } else { kernel(x, y) };
            }
        }
        sum / (set.len() * (set.len() - 1)) as f64
    };
    let across: f64 = left.iter().flat_map(|x| right.iter().map(move |y| kernel(x, y))).sum();
    within(left) + within(right) - 2.0 * across / (left.len() * right.len()) as f64
}

#[test]
fn the_kernel_distance_is_the_formula() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (count, other, length) in [(2, 2, 1), (7, 9, 3), (20, 5, 8)] {
        let (left, mut right) = (normal(&mut rng, count, length), normal(&mut rng, other, length));
        right.iter_mut().for_each(|row| row[0] = 2.0 * row[0] + 0.5);
        let (found, expected) =
            (squared_mmd(&tensor(&left), &tensor(&right)).unwrap(), mmd_in_loops(&left, &right));
        assert!((found - expected).abs() < 1e-10, "{found}, expected {expected}");
    }
    let one = tensor(&normal(&mut rng, 1, 3));
    assert!(squared_mmd(&one, &one).unwrap_err().to_string().contains("at least 2"));
}

/// Sets of one kind: with the pairs of a picture with itself the mean would be tens of its standard errors above 0.
#[test]
fn the_kernel_distance_is_unbiased_and_its_standard_error_holds() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let draws: Vec<KernelDistance> = (0..150)
        .map(|_| {
            let (left, right) = (normal(&mut rng, 200, 4), normal(&mut rng, 230, 4));
            KernelDistance::of(&tensor(&left), &tensor(&right)).unwrap()
        })
        .collect();
    let means: Vec<f64> = draws.iter().map(|draw| draw.mean).collect();
    let error = deviation(&means) / (means.len() as f64).sqrt();
    assert!(mean(&means).abs() < 4.0 * error, "{} ± {error}", mean(&means));
    let told = mean(&draws.iter().map(|draw| draw.standard_error.powi(2)).collect::<Vec<_>>()).sqrt();
    let true_error = deviation(&means);
    assert!((told / true_error - 1.0).abs() < 0.3, "{told}, the draws' deviation is {true_error}");
    assert!(draws.iter().all(|draw| (draw.blocks, draw.block_size) == (10, 20)));

    // Other means: far above 0.
    let mut far = normal(&mut rng, 200, 4);
    far.iter_mut().for_each(|row| row.iter_mut().for_each(|value| *value += 1.0));
    let distance = KernelDistance::of(&tensor(&normal(&mut rng, 200, 4)), &tensor(&far)).unwrap();
    assert!(distance.mean > 3.0 * distance.standard_error, "{distance:?}");
    let few = tensor(&normal(&mut rng, 19, 4));
    assert!(KernelDistance::of(&few, &few).unwrap_err().to_string().contains("at least 20"));
}

fn line(values: &[f64]) -> Tensor {
    Tensor::from_slice(values).view([-1, 1])
}

/// Precision, recall, density and coverage.
fn figures(generated: &Tensor, real: &Tensor, k: i64) -> [f64; 4] {
    let figures = neighbour_figures(generated, real, k).unwrap();
    [&figures.precision, &figures.recall, &figures.density, &figures.coverage].map(|values| mean(values))
}

/// The real points' balls are [-42, 2], [-3, 3], [-1, 3], [0, 4] and [0, 6], so 2, 5, 1, 0 and 0 of them hold the generated
/// points. `precision_and_recall_are_those_counted_by_hand` has the rest.
#[test]
fn neighbours_are_those_counted_by_hand() {
    let real = line(&[-20.0, 0.0, 1.0, 2.0, 3.0]);
    let generated = line(&[-3.0, 1.5, 6.0, 6.5, 100.0]);
    let [precision, recall, density, coverage] = figures(&generated, &real, 3);
    assert_eq!([precision, recall, coverage], [0.6, 0.8, 1.0]);
    assert!((density - 8.0 / 15.0).abs() < 1e-12, "{density}");
    let each = neighbour_figures(&generated, &real, 3).unwrap();
    assert_eq!(each.precision, [1.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(
        each.density.iter().map(|share| (share * 3.0).round()).collect::<Vec<_>>(),
        [2.0, 5.0, 1.0, 0.0, 0.0]
    );
    // One neighbour: the balls are [-40, 0], [-1, 1], [0, 2], [1, 3] and [2, 4].
    let [_, _, density, coverage] = figures(&generated, &real, 1);
    assert_eq!([density, coverage], [0.6, 0.6]);
}

#[test]
fn clusters_apart_share_nothing_and_half_outside_is_a_half() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let real = normal(&mut rng, 60, 4);
    let mut far = normal(&mut rng, 60, 4);
    far.iter_mut().for_each(|row| row[2] += 1000.0);
    assert_eq!(figures(&tensor(&far), &tensor(&real), 5), [0.0; 4]);
    // Half of the real pictures themselves, and half far away.
    let half = [&real[..30], &far[..30]].concat();
    let [precision, recall, _, coverage] = figures(&tensor(&half), &tensor(&real), 5);
    assert_eq!(precision, 0.5);
    assert!(recall > 0.5 && coverage >= 0.5, "{recall}, {coverage}");
}

/// Without ties each ball of a set holds its k nearest and its own centre, so the density of a set beside itself is (k + 1) / k.
/// All of these lie on the surface of balls, and are not lost to rounding, also far from 0.
#[test]
fn a_set_beside_itself_is_perfect() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut rows = normal(&mut rng, 1500, 16);
    rows.iter_mut().for_each(|row| row.iter_mut().for_each(|value| *value += 50.0));
    let set = tensor(&rows);
    for k in [1, 3, 5] {
        let [precision, recall, density, coverage] = figures(&set, &set, k);
        assert_eq!([precision, recall, coverage], [1.0; 3]);
        assert!((density - (k + 1) as f64 / k as f64).abs() < 1e-9, "k = {k}: {density}");
    }
    let few = tensor(&rows[..5]);
    assert!(neighbour_figures(&few, &set, 5).unwrap_err().to_string().contains("at least 6"));
}

/// More pictures than are looked at at once, against differences in loops.
#[test]
fn blocks_make_no_difference() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (real, generated) = (normal(&mut rng, 4200, 2), normal(&mut rng, 1100, 2));
    let squared = |x: &[f64], y: &[f64]| (x[0] - y[0]).powi(2) + (x[1] - y[1]).powi(2);
    let k = 5;
    let radii = |set: &Rows| -> Vec<f64> {
        let radius = |x: &Vec<f64>| {
            let mut distances: Vec<f64> = set.iter().map(|y| squared(x, y)).collect();
            *distances.select_nth_unstable_by(k, f64::total_cmp).1
        };
        set.iter().map(radius).collect()
    };
    let (real_radii, generated_radii) = (radii(&real), radii(&generated));
    let mut held = vec![0; generated.len()];
    let (mut covered, mut recalled) = (vec![false; real.len()], vec![false; real.len()]);
    for (i, x) in generated.iter().enumerate() {
        for (j, y) in real.iter().enumerate() {
            let distance = squared(x, y);
            held[i] += i32::from(distance <= real_radii[j]);
            covered[j] |= distance <= real_radii[j];
            recalled[j] |= distance <= generated_radii[i];
        }
    }
    let found = neighbour_figures(&tensor(&generated), &tensor(&real), k as i64).unwrap();
    let shares = |flags: &[bool]| flags.iter().map(|&flag| f64::from(u8::from(flag))).collect::<Vec<f64>>();
    assert_eq!(found.recall, shares(&recalled));
    assert_eq!(found.coverage, shares(&covered));
    assert_eq!(found.density, held.iter().map(|&count| f64::from(count) / k as f64).collect::<Vec<f64>>());
    assert_eq!(found.precision, shares(&held.iter().map(|&count| count > 0).collect::<Vec<_>>()));
}
