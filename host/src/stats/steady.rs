//! Whether figures are steady: a window of equidistant looks, its mean, the largest deviation from
//! it, the slope of the line through it. Called by `run` at each look of a job with `steadystate`.
//! Pure arithmetic: no clock, and what a value means is the caller's affair.

use std::collections::VecDeque;

/// The last looks at one figure.
#[derive(Clone, Debug)]
pub struct Window {
    values: VecDeque<f64>,
    len: usize,
}

impl Window {
    /// For so many looks.
    pub fn new(len: usize) -> Window {
        Window { values: VecDeque::with_capacity(len), len }
    }

    /// Takes a look; the oldest one goes where there are too many.
    pub fn push(&mut self, value: f64) {
        if self.values.len() == self.len {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// Looks that it is to hold.
    pub fn capacity(&self) -> usize {
        self.len
    }

    /// Whether it holds as many looks as it is long.
    pub fn is_full(&self) -> bool {
        self.values.len() == self.len
    }

    /// The looks, oldest first.
    pub fn values(&self) -> Vec<f64> {
        self.values.iter().copied().collect()
    }

    /// Arithmetic mean; 0 where there is no look.
    pub fn mean(&self) -> f64 {
        if self.values.is_empty() {
            return 0.0;
        }
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// Largest distance of a look from the mean.
    pub fn max_deviation(&self) -> f64 {
        let mean = self.mean();
        self.values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max)
    }

    /// Slope of the line with the least squares, in the figure's unit a look; 0 below two looks.
    pub fn slope(&self) -> f64 {
        if self.values.len() < 2 {
            return 0.0;
        }
        let middle = (self.values.len() - 1) as f64 / 2.0;
        let mean = self.mean();
        let (mut both, mut squares) = (0.0, 0.0);
        for (index, value) in self.values.iter().enumerate() {
            let x = index as f64 - middle;
            both += x * (value - mean);
            squares += x * x;
        }
        both / squares
    }

    /// What is compared with the limit: the deviation or the slope's amount, in the figure's unit
    /// or in percent of the mean; none where nothing can be said: percent of nothing.
    pub fn criterion(&self, slope: bool, percent: bool) -> Option<f64> {
        let amount = if slope { self.slope().abs() } else { self.max_deviation() };
        let mean = self.mean();
        match percent {
            false => Some(amount),
            true if mean > 0.0 => Some(amount / mean * 100.0),
            true => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(values: &[f64]) -> Window {
        let mut window = Window::new(values.len());
        values.iter().for_each(|&value| window.push(value));
        window
    }

    #[test]
    fn vectors_computed_by_hand() {
        // (looks, mean, largest deviation, slope)
        let table: [(&[f64], f64, f64, f64); 7] = [
            (&[], 0.0, 0.0, 0.0),
            (&[7.0], 7.0, 0.0, 0.0),
            (&[5.0, 5.0, 5.0], 5.0, 0.0, 0.0),
            (&[1.0, 2.0, 3.0], 2.0, 1.0, 1.0),
            (&[10.0, 8.0, 6.0, 4.0], 7.0, 3.0, -2.0),
            // x -1.5 -0.5 0.5 1.5, y - 5: -3 1 -1 3: (4.5 - 0.5 - 0.5 + 4.5) / 5.
            (&[2.0, 6.0, 4.0, 8.0], 5.0, 3.0, 1.6),
            // One outlier in the middle tilts nothing.
            (&[100.0, 100.0, 160.0, 100.0, 100.0], 112.0, 48.0, 0.0),
        ];
        for (looks, mean, deviation, slope) in table {
            let window = window(looks);
            let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(near(window.mean(), mean), "mean of {looks:?}");
            assert!(near(window.max_deviation(), deviation), "deviation of {looks:?}");
            assert!(near(window.slope(), slope), "slope of {looks:?}: {}", window.slope());
        }
    }

    #[test]
    fn the_criterion_is_an_amount_or_percent_of_the_mean() {
        let falling = window(&[10.0, 8.0, 6.0, 4.0]);
        assert_eq!(falling.criterion(true, false), Some(2.0));
        assert_eq!(falling.criterion(false, false), Some(3.0));
        assert!((falling.criterion(true, true).unwrap() - 200.0 / 7.0).abs() < 1e-9);
        assert_eq!(window(&[0.0, 0.0]).criterion(false, true), None);
        assert_eq!(window(&[0.0, 0.0]).criterion(false, false), Some(0.0));
    }

    #[test]
    fn a_window_slides() {
        let mut window = Window::new(3);
        for (value, full) in [(1.0, false), (2.0, false), (3.0, true), (4.0, true)] {
            window.push(value);
            assert_eq!(window.is_full(), full);
        }
        assert_eq!(window.values(), [2.0, 3.0, 4.0]);
    }
}
