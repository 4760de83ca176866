"""What a learner might write: right functions for every kind that is checked."""

import numpy as np


def windows(x, size, stride):
    height, width = x.shape[1:3]
    for i in range((height - size[0]) // stride + 1):
        for j in range((width - size[1]) // stride + 1):
            rows = slice(i * stride, i * stride + size[0])
            columns = slice(j * stride, j * stride + size[1])
            yield i, j, rows, columns


def dense_forward(x, W, b):
    return W @ x + b


def dense_backward(dy, x, W, b):
    dx = W.T @ dy
    dW = dy @ x.T
    db = dy.sum(axis=1, keepdims=True)
    return dx, dW, db


def conv2d_forward(x, W, b, stride, padding):
    border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    padded = np.pad(x, border)
    places = list(windows(padded, W.shape[2:], stride))
    y = np.zeros((len(W), places[-1][0] + 1, places[-1][1] + 1, x.shape[-1]))
    for i, j, rows, columns in places:
        y[:, i, j] = np.einsum("fchw,chwn->fn", W, padded[:, rows, columns]) + b
    return y


def conv2d_backward(dy, x, W, b, stride, padding):
    border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    padded = np.pad(x, border)
    dpadded, dW = np.zeros_like(padded), np.zeros_like(W)
    for i, j, rows, columns in windows(padded, W.shape[2:], stride):
        here = dy[:, i, j]
        dW += np.einsum("fn,chwn->fchw", here, padded[:, rows, columns])
        dpadded[:, rows, columns] += np.einsum("fn,fchw->chwn", here, W)
    last = -padding if padding else None
    dx = dpadded[:, padding:last, padding:last]
    db = dy.sum(axis=(1, 2, 3))[:, None]
    return dx, dW, db


def max_pool2d_forward(x, size, stride):
    places = list(windows(x, (size, size), stride))
    y = np.zeros((len(x), places[-1][0] + 1, places[-1][1] + 1, x.shape[-1]))
    for i, j, rows, columns in places:
        y[:, i, j] = x[:, rows, columns].max(axis=(1, 2))
    return y


def max_pool2d_backward(dy, x, size, stride):
    dx = np.zeros_like(x)
    for i, j, rows, columns in windows(x, (size, size), stride):
        part = x[:, rows, columns]
        won = part == part.max(axis=(1, 2), keepdims=True)
        dx[:, rows, columns] += won * dy[:, i, j][:, None, None]
    return dx


def avg_pool2d_forward(x, size, stride):
    places = list(windows(x, (size, size), stride))
    y = np.zeros((len(x), places[-1][0] + 1, places[-1][1] + 1, x.shape[-1]))
    for i, j, rows, columns in places:
        y[:, i, j] = x[:, rows, columns].mean(axis=(1, 2))
    return y


def avg_pool2d_backward(dy, x, size, stride):
    dx = np.zeros_like(x)
    for i, j, rows, columns in windows(x, (size, size), stride):
        dx[:, rows, columns] += dy[:, i, j][:, None, None] / size**2
    return dx


def relu_forward(x):
    return np.maximum(x, 0)


def relu_backward(dy, x):
    return dy * (x > 0)


def sigmoid_forward(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dy, x):
    a = 1 / (1 + np.exp(-x))
    return dy * a * (1 - a)


def tanh_forward(x):
    return np.tanh(x)


def tanh_backward(dy, x):
    return dy * (1 - np.tanh(x) ** 2)


def softmax_forward(x):
    e = np.exp(x)
    return e / e.sum(axis=0)


def softmax_backward(dy, x):
    p = softmax_forward(x)
    return p * (dy - (p * dy).sum(axis=0))


def batch_norm_forward(x, gamma, beta, epsilon):
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def batch_norm_backward(dy, x, gamma, beta, epsilon):
    sigma = np.sqrt(x.var(axis=1, keepdims=True) + epsilon)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / sigma
    along = (dy * x_hat).mean(axis=1, keepdims=True)
    dx = gamma / sigma * (dy - dy.mean(axis=1, keepdims=True) - x_hat * along)
    dgamma = (dy * x_hat).sum(axis=1, keepdims=True)
    dbeta = dy.sum(axis=1, keepdims=True)
    return dx, dgamma, dbeta


def layer_norm_forward(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta


def layer_norm_backward(dy, x, gamma, beta, epsilon):
    sigma = np.sqrt(x.var(axis=0) + epsilon)
    x_hat = (x - x.mean(axis=0)) / sigma
    d = gamma * dy
    dx = (d - d.mean(axis=0) - x_hat * (d * x_hat).mean(axis=0)) / sigma
    dgamma = (dy * x_hat).sum(axis=1, keepdims=True)
    dbeta = dy.sum(axis=1, keepdims=True)
    return dx, dgamma, dbeta


def cross_entropy_forward(z, labels):
    p = softmax_forward(z)
    return -np.log(p[labels, np.arange(len(labels))]).mean()


def cross_entropy_backward(z, labels):
    dz = softmax_forward(z)
    dz[labels, np.arange(len(labels))] -= 1
    return dz / len(labels)


def squared_error_forward(z, t):
    return 0.5 * ((z - t) ** 2).sum() / z.shape[1]


def squared_error_backward(z, t):
    return (z - t) / z.shape[1]


def binary_cross_entropy_forward(z, t):
    p = 1 / (1 + np.exp(-z))
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum() / z.shape[1]


def binary_cross_entropy_backward(z, t):
    p = 1 / (1 + np.exp(-z))
    return (p - t) / z.shape[1]
